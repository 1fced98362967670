# URL TOKEN
import sys

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

_, url, token = sys.argv
try:
    with connect(url, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        while True:
            print(socket.recv(), flush=True)
except ConnectionClosed as closed:
    print(f"closed: {closed}", flush=True)
except InvalidStatus as refused:
    print(f"refused: {refused.response.status_code} {refused.response.body.decode()}", flush=True)
