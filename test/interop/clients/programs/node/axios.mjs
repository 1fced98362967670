import axios from 'axios';
import { body, headers, method, print, times, url } from './ask.mjs';

for (let time = 0; time < times; time += 1) {
  // A stream cannot be sent twice, so nothing is kept for redirects.
  const answer = await axios({ method, url, headers, data: body(), responseType: 'stream', validateStatus: null, maxRedirects: 0 });
  await print({ status: answer.status, contentType: answer.headers['content-type'] }, answer.data);
}
