import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import got from 'got';
import { body, headers, method, print, times, url } from './ask.mjs';

for (let time = 0; time < times; time += 1) {
  const file = body();
  const call = got.stream(url, { method, headers, throwHttpErrors: false, retry: { limit: 0 } });
  const answered = once(call, 'response');
  // An answer may come before all was sent.
  if (file !== undefined) pipeline(file, call).catch(() => undefined);
  else if (method !== 'GET') call.end();
  const [{ statusCode, headers: fields }] = await answered;
  await print({ status: statusCode, contentType: fields['content-type'] }, call);
}
