import { EnvHttpProxyAgent, request, setGlobalDispatcher } from 'undici';
import { body, headers, method, print, times, url } from './ask.mjs';

setGlobalDispatcher(new EnvHttpProxyAgent());

for (let time = 0; time < times; time += 1) {
  const answer = await request(url, { method, headers, body: body() });
  await print({ status: answer.statusCode, contentType: answer.headers['content-type'] }, answer.body);
}
