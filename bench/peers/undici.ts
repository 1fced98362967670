// The yardstick: a bare forwarder on node:http and undici `dispatch`.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { forwardTo } from './forward.ts';

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { bodyTimeout: 0, headersTimeout: 0 });
const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, forwardTo(pool));
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
