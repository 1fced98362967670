import os
import urllib.error
import urllib.request

from ask import arguments, body, show

asked = arguments()
for _ in range(asked.times):
    headers = dict(asked.headers)
    if asked.file is not None:
        headers["Content-Type"] = "application/octet-stream"
        if not asked.chunked:
            headers["Content-Length"] = str(os.path.getsize(asked.file))
    request = urllib.request.Request(asked.url, data=body(asked), headers=headers, method=asked.method)
    try:
        response = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        show(response.status, response.headers["content-type"], iter(lambda: response.read1(65536), b""))
