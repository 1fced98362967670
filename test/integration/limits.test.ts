import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { createGuardedFetch } from '../../src/egress/client.ts';
import { ExeatError } from '../../src/errors.ts';
import { destinationNamed } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { controlOf, send } from '../support/control.ts';
import { startServe } from '../support/serve.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openStream, startStreams } from '../support/streams.ts';
import { goodToken, startTokenServer } from '../support/token-server.ts';

// An agent may be hostile or merely in a loop: whatever it opens, there is room left for those who end its access.

test('so many calls run at the same time, of a task and in all; one more is told to come again, and leaves its event', async () => {
  await using origin = await startStreams();
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin) },
    tasks: { max_running_per_task: 2, max_running: 3 },
  });
  const { proxy } = exeat;
  const [one, other] = [exeat.open(), exeat.open()];
  const get = async (task: { readonly authorization: string }) => {
    const { status, code, head } = await call(`${origin.url}/`, { proxy, authorization: task.authorization });
    return status === 200 ? status : [status, code, /\r\nretry-after: \d/.test(head)];
  };
  const overloaded = [503, 'overloaded', true];
  await using first = await openStream(exeat, { origin, task: one, path: '/1' });
  assert.equal(await get(one), 200);
  await using second = await openStream(exeat, { origin, task: one, path: '/2' });
  assert.deepEqual(await get(one), overloaded);
  assert.equal(await get(other), 200);
  await using third = await openStream(exeat, { origin, task: other, path: '/3' });
  assert.deepEqual(await get(other), overloaded);
  const events = await exeat.events({ kind: 'call', code: 'overloaded' }, 2);
  assert.deepEqual(
    events.map(({ task, status }) => [task, status]),
    [
      [one.id, 503],
      [other.id, 503],
    ],
  );
  for (const stream of [first, second, third]) stream.end();
  await exeat.events({ kind: 'call', path: '/1' });
  assert.equal(await get(one), 200);
});

/** Connections that send part of a request, if anything, and then nothing more. */
async function flood(address: string, count: number, opened: (socket: Socket) => void): Promise<void> {
  const [host, port] = address.split(':');
  const sockets = Array.from({ length: count }, () => connect(Number(port), host));
  for (const socket of sockets) {
    opened(socket);
    socket.on('error', () => {});
    socket.write('GET http://a/ HTTP/1.1\r\n');
  }
  await Promise.all(sockets.map((socket) => once(socket, 'connect').catch(() => undefined)));
}

test('beyond listen.max_connections the proxy takes none, which is counted, and takes them again when there is room', async () => {
  await using origin = await startStreams();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, listen: { max_connections: 16 } });
  const { authorization } = exeat.open();
  using sockets = new DisposableStack();
  const open: Socket[] = [];
  await flood(exeat.proxy, 16, (socket) => open.push(sockets.adopt(socket, (each) => each.destroy())));
  const refused = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization }).catch(() => undefined);
  assert.equal(refused?.head ?? '', '');
  const [summed] = await exeat.events({ kind: 'call.refused' });
  assert.deepEqual(summed?.['codes'], { overloaded: 1 });
  open[0]?.destroy();
  for (;;) {
    const answered = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization }).catch(() => undefined);
    if (answered?.status === 200) return;
  }
});

test('connections to destinations have a limit too, all pools together', async () => {
  await using busy = await startStreams();
  await using other = await startStreams();
  const connections = { most: 1, open: 0 };
  const network = destinationNamed('api', { allowPrivate: true });
  await using guarded = createGuardedFetch(network, { ownPorts: new Set(), connections });
  const stream = await guarded.fetch(`${busy.url}/events`, {});
  await assert.rejects(
    guarded.fetch(`${other.url}/`, {}),
    ({ cause }: Error) => cause instanceof ExeatError && cause.code === 'overloaded',
  );
  await stream.body?.cancel();
  while (connections.open > 0) await new Promise(setImmediate);
  assert.equal((await guarded.fetch(`${other.url}/`, {})).status, 200);
});

test('within it no call waits for those that run: thousands of streams to one destination do not keep a further call from it', async () => {
  await using origin = await startStreams();
  const network = destinationNamed('api', { allowPrivate: true, connectTimeoutMs: 30_000, headersTimeoutMs: 30_000 });
  await using guarded = createGuardedFetch(network, { ownPorts: new Set(), connections: { most: 4000, open: 0 } });
  const streams = await Promise.all(Array.from({ length: 1100 }, () => guarded.fetch(`${origin.url}/events`, {})));
  assert.equal((await guarded.fetch(`${origin.url}/`, {})).status, 200);
  for (const { body } of streams) await body?.cancel();
});

test('a flood of connections to every listener, with few open files, keeps nobody from revoking', async () => {
  await using issuer = await startTokenServer();
  issuer.script('/token', goodToken());
  issuer.script('/revoke', { status: 200 });
  await using origin = await startStreams();
  const destinations = { api: loopback(origin, { credential: { kind: 'token-exchange', audience: 'https://api.example' } }) };
  const authority = { issuer: issuer.issuer, allow_private: true, unsafe_cleartext: true };
  await using served = await startServe({ destinations, authority }, {}, 300);
  const { proxy, control, health } = served.sidecar;
  const opened = await controlOf(served, 'orchestrator')('POST', '/v1/tasks', { intent: 'work' });
  const { username, password } = new URL(String(opened.body['proxy_url']));
  const authorization = `Basic ${btoa(`${username}:${password}`)}`;
  const before = await call(`${origin.url}/`, { proxy, authorization });
  assert.equal(before.status, 200);
  using sockets = new DisposableStack();
  for (const listener of [proxy, health, control]) await flood(listener, 400, (socket) => sockets.adopt(socket, (each) => each.destroy()));
  const revoked = await controlOf(served, 'operator')('POST', `/v1/tasks/${String(opened.body['id'])}/revoke`);
  assert.equal(revoked.body['state'], 'revoked');
  assert.ok(issuer.paths().includes('/revoke'));
  assert.equal((await send(health, { path: '/readyz' })).status, 200);
});
