# HOST METHOD TOKEN: one call of a method of interop.v1.Tickets; every answer is a stream of texts.
import sys

import grpc

_, host, method, token = sys.argv
with grpc.secure_channel(f"{host}:443", grpc.ssl_channel_credentials()) as channel:
    call = channel.unary_stream(f"/interop.v1.Tickets/{method}")
    try:
        for message in call(b"please", metadata=[("authorization", f"Bearer {token}")], timeout=30):
            print(message.decode(), flush=True)
        print("done", flush=True)
    except grpc.RpcError as error:
        print(f"{error.code()}: {error.details()}", flush=True)
