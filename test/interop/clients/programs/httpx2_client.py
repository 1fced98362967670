import os

import httpx

from ask import arguments, chunks, show

asked = arguments()
headers = dict(asked.headers)
if asked.file is not None and not asked.chunked:
    headers["Content-Length"] = str(os.path.getsize(asked.file))
with httpx.Client(http2=True) as client:
    for _ in range(asked.times):
        content = None if asked.file is None else chunks(asked.file)
        with client.stream(asked.method, asked.url, headers=headers, content=content) as response:
            show(response.status_code, response.headers["content-type"], response.iter_raw(), response.http_version)
