// Node's own fetch.
import { openAsBlob } from 'node:fs';
import { chunked, fields, file, method, print, times, url } from './node/ask.mjs';

for (let time = 0; time < times; time += 1) {
  const blob = file === undefined ? undefined : await openAsBlob(file);
  const body = chunked ? blob?.stream() : blob;
  const options = { method, headers: fields, body, duplex: 'half' };
  const response = await fetch(url, options);
  await print({ status: response.status, contentType: response.headers.get('content-type') }, response.body ?? []);
}
