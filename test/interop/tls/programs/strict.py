# Python's ssl with its default roots and the strict flag: HOST PORT. Connects twice.
import socket
import ssl
import sys

host, port = sys.argv[1], int(sys.argv[2])
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
session = None
for _ in range(2):
    with socket.create_connection(("127.0.0.1", port)) as plain:
        with context.wrap_socket(plain, server_hostname=host, session=session) as secure:
            while secure.recv(1024):
                pass
            print(secure.version(), "resumed" if secure.session_reused else "accepted")
            session = secure.session
