// Node's own fetch.
import { openAsBlob } from 'node:fs';
import { chunked, fields, file, method, print, times, url } from './node/ask.mjs';

for (let time = 0; time < times; time += 1) {
  const blob = file === undefined ? undefined : await openAsBlob(file);
  const body = chunked ? blob?.stream() : blob;
  const response = await fetch(url, { method, headers: fields, body, duplex: 'half' });
  await print({ status: response.status, contentType: response.headers.get('content-type') }, response.body ?? []);
}
