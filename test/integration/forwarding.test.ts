import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

const chunkBytes = 64 * 1024;

async function world(answer?: Parameters<typeof startOrigin>[0], more: object = {}) {
  const origin = await startOrigin(answer);
  const exeat = await startTestSidecar({ destinations: { api: loopback(origin, more) } });
  const { authorization } = exeat.open();
  const head = (method: string, path: string, ...fields: string[]) =>
    [`${method} ${origin.url}${path} HTTP/1.1`, `Host: ${origin.host}`, `Proxy-Authorization: ${authorization}`, ...fields, '', ''].join(
      '\r\n',
    );
  return {
    origin,
    exeat,
    head,
    async [Symbol.asyncDispose]() {
      await exeat[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

test('events of a stream arrive one by one, before the stream ends', async () => {
  const senders: ((text: string) => void)[] = [];
  await using w = await world((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    senders.push((text) => response.write(text));
  });
  await using wire = await openWire(w.exeat.proxy);
  wire.send(w.head('GET', '/events'));
  await wire.until(/200 OK[^]*\r\n\r\n/);
  for (const event of ['one', 'two', 'three']) {
    senders[0]?.(`data: ${event}\n\n`);
    await wire.until(new RegExp(`data: ${event}\n\n`));
  }
});

test('the client going away aborts the call to the destination, and the audit says so', async () => {
  const gone = Promise.withResolvers<void>();
  await using w = await world((_request, response) => {
    response.writeHead(200);
    response.write('begin');
    response.on('close', () => gone.resolve());
  });
  const wire = await openWire(w.exeat.proxy);
  wire.send(w.head('GET', '/long'));
  await wire.until(/begin/);
  wire.socket.destroy();
  await gone.promise;
  const [event] = await w.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'client_gone');
});

test('a destination that breaks in the middle of its answer breaks the answer to the client at once', async () => {
  await using w = await world((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half');
    setImmediate(() => response.destroy());
  });
  await using wire = await openWire(w.exeat.proxy);
  wire.send(w.head('GET', '/broken'));
  const transcript = await wire.closed();
  assert.match(transcript, /half$/);
  const [event] = await w.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'upstream_broken');
});

test('a chunked answer that breaks is not ended as if it were whole', async () => {
  await using w = await world((_request, response) => {
    response.write('half');
    setImmediate(() => response.destroy());
  });
  await using wire = await openWire(w.exeat.proxy);
  wire.send(w.head('GET', '/broken'));
  assert.doesNotMatch(await wire.closed(), /\r\n0\r\n\r\n$/);
});

test('Expect: 100-continue is decided before the 100: a refused upload is never asked for', async () => {
  await using w = await world();
  await using wire = await openWire(w.exeat.proxy);
  wire.send(w.head('POST', '/x?access_token=a', 'Expect: 100-continue', 'Content-Length: 5'));
  const refused = await wire.closed();
  assert.match(refused, /^HTTP\/1\.1 400 /);
  assert.equal(w.origin.seen.length, 0);
});

test('Expect: 100-continue is answered with 100 once the call is permitted', async () => {
  await using w = await world();
  await using wire = await openWire(w.exeat.proxy);
  wire.send(w.head('POST', '/x', 'Expect: 100-continue', 'Content-Length: 5'));
  await wire.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  wire.send('hello');
  await wire.until(/HTTP\/1\.1 200 OK[^]*ok":true/);
  assert.equal(await w.origin.seen[0]?.body, 'hello');
  assert.equal(w.origin.seen[0]?.headers.expect, undefined);
});

for (const [what, status, method] of [
  ['HEAD', 200, 'HEAD'],
  ['204', 204, 'GET'],
  ['304', 304, 'GET'],
] as const) {
  test(`${what} has no body, and the connection goes on`, async () => {
    await using w = await world((request, response) => {
      if (request.url === '/second') return void response.end('second');
      response.writeHead(status, method === 'HEAD' ? { 'content-length': '10' } : {});
      return void response.end();
    });
    await using wire = await openWire(w.exeat.proxy);
    wire.send(w.head(method, '/first'));
    await wire.until(new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\n\r\n$`));
    wire.send(w.head('GET', '/second'));
    await wire.until(/second$/);
  });
}

test('trailers pass to a client that asked for them, and only those that may', async () => {
  await using w = await world((_request, response) => {
    response.writeHead(200, { trailer: 'x-checksum' });
    response.write('body');
    response.addTrailers({ 'x-checksum': 'abc', 'set-cookie': 'a=b', authorization: 'no' });
    response.end();
  });
  await using wire = await openWire(w.exeat.proxy);
  wire.send(w.head('GET', '/t', 'TE: trailers'));
  const transcript = await wire.until(/0\r\n[^]*\r\n\r\n$/);
  assert.match(transcript, /x-checksum: abc/i);
  assert.doesNotMatch(transcript, /set-cookie|authorization: no/i);
  await using other = await openWire(w.exeat.proxy);
  other.send(w.head('GET', '/t'));
  assert.doesNotMatch(await other.until(/0\r\n\r\n$/), /x-checksum: abc/i);
});

test('an upload of 32 MB and its echo pass whole, in memory that stays small', async () => {
  await using w = await world((request, response) => void request.pipe(response));
  const megabytes = 32;
  await using wire = await openWire(w.exeat.proxy);
  wire.socket.removeAllListeners('data');
  wire.socket.setEncoding('latin1');
  const chunk = randomBytes(chunkBytes);
  const sent = createHash('sha256');
  let received = 0;
  let largestRss = 0;
  wire.socket.on('data', (text: string) => (received += text.length));
  const before = process.memoryUsage.rss();
  wire.send(w.head('PUT', '/upload', `Content-Length: ${megabytes * 1024 * 1024}`));
  for (let i = 0; i < megabytes * 16; i += 1) {
    sent.update(chunk);
    if (!wire.socket.write(chunk)) await once(wire.socket, 'drain');
    if (i % 64 === 0) largestRss = Math.max(largestRss, process.memoryUsage.rss());
  }
  const [event] = await w.exeat.events({ kind: 'call' });
  assert.equal(event?.['request_bytes'], megabytes * 1024 * 1024);
  assert.equal(event?.['response_bytes'], megabytes * 1024 * 1024);
  // Origin, sidecar and client share this process.
  assert.ok(largestRss - before < 200 * 1024 * 1024, `memory grew by ${(largestRss - before) / 1e6} MB`);
  void received;
});

test('a client that does not read holds back the destination', async () => {
  let wrote = 0;
  await using w = await world((_request, response) => {
    const chunk = Buffer.alloc(chunkBytes);
    const pump = () => {
      while (wrote < 1000 && response.write(chunk)) wrote += 1;
    };
    response.on('drain', pump);
    pump();
  });
  await using wire = await openWire(w.exeat.proxy);
  wire.socket.pause();
  wire.send(w.head('GET', '/flood'));
  let last = -1;
  while (last !== wrote) {
    last = wrote;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assert.ok(wrote < 500, `${wrote} chunks of 64 KiB left the destination although nobody read`);
});

test('an answer that is not HTTP becomes 502, and nothing of it is shown', async () => {
  const tcp = createTcp((socket: Socket) => {
    socket.on('error', () => {});
    socket.end('SSH-2.0-nonsense\r\n\r\n');
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  await using exeat = await startTestSidecar({ destinations: { api: loopback({ url: `http://127.0.0.1:${port}` }) } });
  await using wire = await openWire(exeat.proxy);
  wire.send(
    `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nProxy-Authorization: ${exeat.open().authorization}\r\n\r\n`,
  );
  const answer = await wire.until(/\}$/);
  assert.match(answer, /^HTTP\/1\.1 502 /);
  assert.doesNotMatch(answer, /SSH/);
  tcp.close();
});

test('a destination that cannot be reached is told to a client that is uploading', async () => {
  await using exeat = await startTestSidecar({ destinations: { api: loopback({ url: 'http://127.0.0.1:1' }) } });
  await using wire = await openWire(exeat.proxy);
  wire.send(
    `POST http://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 1000000\r\nProxy-Authorization: ${exeat.open().authorization}\r\n\r\n${'a'.repeat(1000)}`,
  );
  assert.match(await wire.until(/\}$/), /^HTTP\/1\.1 502 [^]*connect_failed/);
});
