# HOST METHOD KIND,... TOKEN: a method of interop.v1.Tickets, called once in each way. Messages are texts.
import sys
import threading

import grpc

_, host, method, kinds, token = sys.argv


def call(channel, kind):
    answered = threading.Event()

    def asked():
        yield b"first"
        if kind == "stream_stream":
            answered.wait()
            yield b"second"

    answer = getattr(channel, kind)(f"/interop.v1.Tickets/{method}")(
        asked() if kind.startswith("stream") else b"first", metadata=[("authorization", f"Bearer {token}")], timeout=30
    )
    for message in [answer] if kind.endswith("unary") else answer:
        print(f"{kind}: {message.decode()}", flush=True)
        answered.set()


with grpc.secure_channel(f"{host}:443", grpc.ssl_channel_credentials()) as channel:
    try:
        for kind in kinds.split(","):
            call(channel, kind)
    except grpc.RpcError as error:
        sys.exit(f"{error.code()}: {error.details()}")
