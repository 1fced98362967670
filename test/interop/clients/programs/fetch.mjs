// Node's own fetch: METHOD URL [--header 'Name: value']… [--file FILE] [--chunked] [--times N]
import { openAsBlob } from 'node:fs';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: {
    header: { type: 'string', multiple: true, default: [] },
    file: { type: 'string' },
    chunked: { type: 'boolean' },
    times: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
const [method = 'GET', url = ''] = positionals;
const headers = values.header.map((line) => line.split(/: (.*)/, 2));

for (let time = 0; time < Number(values.times); time += 1) {
  const file = values.file === undefined ? undefined : await openAsBlob(values.file);
  const body = values.chunked ? file?.stream() : file;
  const response = await fetch(url, { method, headers, body, duplex: 'half' });
  process.stdout.write(`HTTP/1.1 ${response.status}\r\ncontent-type: ${response.headers.get('content-type')}\r\n\r\n`);
  for await (const chunk of response.body ?? []) process.stdout.write(chunk);
}
