// A bare node:http server, or with a PEM file a node:https one, that only answers: upstream of every scenario, and the target of `direct`.
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

const json = Buffer.from('{"id":4711,"title":"Printer on fire","state":"open","labels":["bug","urgent"],"assignee":null}');
const bodies = new Map([1024, 16_384, 1_048_576].map((size) => [`/bytes/${size}`, Buffer.alloc(size, 'x')]));
const streams = new Set<ServerResponse>();

const pem = process.argv[2] === undefined ? undefined : readFileSync(process.argv[2]);
const server = pem === undefined ? createServer(respond) : createTlsServer({ cert: pem, key: pem }, respond);

function respond(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET') {
    let received = 0;
    request.on('data', (chunk: Buffer) => (received += chunk.length));
    request.on('end', () => answer(response, 'application/json', Buffer.from(`{"received":${received}}`)));
    return;
  }
  const path = request.url ?? '/';
  if (path === '/events') return stream(response);
  if (path === '/quiet') return quiet(response);
  const body = bodies.get(path);
  if (body !== undefined) return answer(response, 'application/octet-stream', body);
  answer(response, 'application/json', json);
}

/** One timer ticks all streams, so that 500 of them cost the upstream next to nothing. */
setInterval(() => {
  for (const response of streams) response.write('data: tick\n\n');
}, 1000);

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));

function answer(response: ServerResponse, type: string, body: Buffer): void {
  response.writeHead(200, ['Content-Type', type, 'Content-Length', String(body.length), 'Cache-Control', 'no-store']);
  response.end(body);
}

/** A stream that says no more than that it is there. */
function quiet(response: ServerResponse): void {
  response.writeHead(200, ['Content-Type', 'text/event-stream', 'Cache-Control', 'no-store']);
  response.write('data: open\n\n');
}

/** RFC 6455 §4.2.2, and silence. */
server.on('upgrade', (request, socket: Duplex) => {
  const accept = hash('sha1', `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64');
  socket.on('error', () => socket.destroy()).on('end', () => socket.end());
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.resume();
});

function stream(response: ServerResponse): void {
  response.writeHead(200, ['Content-Type', 'text/event-stream', 'Cache-Control', 'no-store']);
  response.write('data: open\n\n');
  streams.add(response);
  response.on('close', () => streams.delete(response));
}
