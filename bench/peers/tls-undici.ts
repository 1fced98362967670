// The yardstick with TLS on both sides: ends it (HTTP/1.1 and HTTP/2) and begins it anew. Arguments: upstream port, PEM of the server, PEM of the root.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { forwardTo } from './forward.ts';

const [port, pemFile = '', rootFile = ''] = process.argv.slice(2);
const pem = readFileSync(pemFile);
const connect = { ca: readFileSync(rootFile), servername: 'bench.example' };
const forward = forwardTo(new Pool(`https://127.0.0.1:${port}`, { bodyTimeout: 0, headersTimeout: 0, connect, allowH2: false }));
const server = createSecureServer({ cert: pem, key: pem, allowHTTP1: true }, (request, response) =>
  // The compatibility API of HTTP/2 has the same names.
  forward(request as unknown as IncomingMessage, response as unknown as ServerResponse),
);
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
