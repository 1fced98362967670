import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { call } from '../support/call.ts';
import { startOrigin, type Answer } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

/** A destination on loopback with these timeouts, and a task for it. */
async function startWorld(timeouts: object, answer: Answer) {
  const stack = new AsyncDisposableStack();
  const origin = stack.use(await startOrigin(answer));
  const exeat = stack.use(await startTestSidecar({ destinations: { api: loopback(origin, { timeouts }) } }));
  const { authorization } = exeat.open();
  const head = (method: string, ...fields: string[]) =>
    [`${method} ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`, `Proxy-Authorization: ${authorization}`, ...fields, '', ''].join('\r\n');
  return {
    origin,
    exeat,
    head,
    get: () => call(`${origin.url}/x`, { proxy: exeat.proxy, authorization }),
    codes: async () => (await exeat.events({ kind: 'call' })).map(({ code }) => code),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

// Side by side: all of them wait for the same second.
suite('timeouts', { concurrency: true }, () => {
  test('a destination that takes the connection and does not shake hands is a connect timeout', async () => {
    await using stack = new AsyncDisposableStack();
    const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    stack.defer(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const api = { hosts: ['api.example'], connect_to: `127.0.0.1:${port}`, allow_private: true, timeouts: { connect: '100ms' } };
    const exeat = stack.use(await startTestSidecar({ destinations: { api } }));
    const { status, code, head } = await call('http://api.example/', { proxy: exeat.proxy, authorization: exeat.open().authorization });
    assert.deepEqual([status, code], [504, 'connect_timeout']);
    assert.match(head, /proxy-status: exeat; error=connection_timeout/);
  });

  test('a name server that does not answer is one too', async () => {
    const api = { hosts: ['http://api.example'], timeouts: { connect: '100ms' } };
    await using exeat = await startTestSidecar({ destinations: { api } }, { resolve: () => undefined });
    const { status, code } = await call('http://api.example/', { proxy: exeat.proxy, authorization: exeat.open().authorization });
    assert.deepEqual([status, code], [504, 'connect_timeout']);
  });

  test('an answer whose head does not come is a response timeout, and the destination sees the call end', async () => {
    const gone = Promise.withResolvers<void>();
    await using world = await startWorld({ headers: '100ms' }, (_request, response) => {
      response.on('close', () => gone.resolve());
    });
    const { status, code, head } = await world.get();
    assert.deepEqual([status, code], [504, 'upstream_timeout']);
    assert.match(head, /proxy-status: exeat; error=http_response_timeout/);
    await gone.promise;
  });

  test('an upload that takes longer than the head may is not cut: the time runs from its end', async () => {
    await using world = await startWorld({ headers: '1s' }, (request, response) => {
      request.resume().on('end', () => response.end('whole'));
    });
    await using wire = await openWire(world.exeat.proxy);
    wire.send(world.head('PUT', 'Content-Length: 6'));
    for (const part of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await pause(400);
      wire.send(part);
    }
    await wire.until(/200 OK[^]*whole/);
  });

  test('a body that falls silent for longer than the destination may breaks off, and the audit says which side it was', async () => {
    await using world = await startWorld({ idle: '100ms' }, (_request, response) => {
      response.write('data: one\n\n');
    });
    await using wire = await openWire(world.exeat.proxy);
    wire.send(world.head('GET'));
    assert.doesNotMatch(await wire.closed(), /\r\n0\r\n\r\n$/);
    assert.deepEqual(await world.codes(), ['upstream_stalled']);
  });

  test('an upload that falls silent is told to the agent', async () => {
    const gone = Promise.withResolvers<void>();
    await using world = await startWorld({ idle: '100ms' }, (request) => {
      request.resume().on('error', () => gone.resolve());
    });
    await using wire = await openWire(world.exeat.proxy);
    wire.send(`${world.head('PUT', 'Content-Length: 6')}abc`);
    assert.match(await wire.closed(), /^HTTP\/1\.1 408 [^]*"code":"request_timeout"/);
    await gone.promise;
  });

  test('a stream that is silent for less than that goes on, however long it is in all', async () => {
    const limitMs = 2000;
    const senders: ((text: string) => void)[] = [];
    await using world = await startWorld({ idle: `${limitMs}ms` }, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      senders.push((text) => response.write(text));
    });
    await using wire = await openWire(world.exeat.proxy);
    wire.send(world.head('GET'));
    await wire.until(/\r\n\r\n/);
    for (let event = 1; event * 600 < limitMs * 1.5; event += 1) {
      await pause(600);
      senders[0]?.(`data: ${event}\n\n`);
      await wire.until(new RegExp(`data: ${event}\n\n`));
    }
  });

  test('a client that does not read is not taken for a destination that is silent', async () => {
    await using world = await startWorld({ idle: '100ms' }, (_request, response) => {
      response.writeHead(200, { 'content-length': String(8 * 1024 * 1024) });
      response.end(Buffer.alloc(8 * 1024 * 1024));
    });
    await using wire = await openWire(world.exeat.proxy);
    wire.socket.pause();
    wire.send(world.head('GET', 'Connection: close'));
    await pause(1700);
    wire.socket.resume();
    await wire.closed();
    assert.deepEqual(await world.codes(), [undefined]);
  });
});
