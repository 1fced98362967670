// What the programs here are asked for: METHOD URL [--header 'Name: value']… [--file FILE] [--chunked] [--times N]
import { createReadStream, statSync } from 'node:fs';
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
export const [method = 'GET', url = ''] = positionals;
export const times = Number(values.times);
export const { file, chunked } = values;
/** What was asked for, without the length. */
export const fields = values.header.map((line) => line.split(/: (.*)/, 2));
const length = file === undefined || chunked ? {} : { 'Content-Length': String(statSync(file).size) };
export const headers = { ...Object.fromEntries(fields), ...length };

/** The file, read while it is sent; another stream each time. */
export function body() {
  return file === undefined ? undefined : createReadStream(file);
}

/** Prints an answer as HTTP/1.1 writes it. */
export async function print({ status, contentType }, chunks) {
  process.stdout.write(`HTTP/1.1 ${status}\r\ncontent-type: ${contentType}\r\n\r\n`);
  for await (const chunk of chunks) process.stdout.write(chunk);
}
