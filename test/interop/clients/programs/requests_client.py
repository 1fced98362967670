import requests

from ask import arguments, body, show

asked = arguments()
with requests.Session() as session:
    for _ in range(asked.times):
        with session.request(asked.method, asked.url, headers=asked.headers, data=body(asked), stream=True) as response:
            show(response.status_code, response.headers["content-type"], response.iter_content(chunk_size=None))
