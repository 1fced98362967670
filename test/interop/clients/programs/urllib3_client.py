import os
from urllib.parse import urlsplit

import urllib3

from ask import arguments, body, show

asked = arguments()
scheme = urlsplit(asked.url).scheme
proxy = os.environ.get(f"{scheme}_proxy")
if proxy is None:
    pool = urllib3.PoolManager(retries=False)
else:
    user = urlsplit(proxy)
    basic = f"{user.username}:{user.password}" if user.username else None
    pool = urllib3.ProxyManager(proxy, proxy_headers=urllib3.make_headers(proxy_basic_auth=basic), retries=False)
headers = dict(asked.headers)
if asked.file is not None and not asked.chunked:
    headers["Content-Length"] = str(os.path.getsize(asked.file))
for _ in range(asked.times):
    response = pool.request(
        asked.method,
        asked.url,
        headers=headers,
        body=body(asked),
        chunked=asked.chunked,
        preload_content=False,
        decode_content=False,
    )
    show(response.status, response.headers["content-type"], iter(lambda: response.read1(65536), b""))
    response.release_conn()
