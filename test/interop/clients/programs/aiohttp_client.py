import asyncio
import sys

import aiohttp

from ask import arguments, body, show

asked = arguments()


async def pieces():
    with open(asked.file, "rb") as file:
        while chunk := file.read(65536):
            yield chunk


async def main():
    async with aiohttp.ClientSession(trust_env=True, auto_decompress=False) as session:
        for _ in range(asked.times):
            data = pieces() if asked.chunked else body(asked)
            async with session.request(asked.method, asked.url, headers=asked.headers, data=data) as response:
                show(response.status, response.headers["content-type"], [])
                async for part in response.content.iter_any():
                    sys.stdout.buffer.write(part)
                    sys.stdout.buffer.flush()


asyncio.run(main())
