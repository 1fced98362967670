import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { call } from '../support/call.ts';
import { clientHello, records, serverName } from '../support/client-hello.ts';
import { permitAll } from '../support/sidecar.ts';
import { callInside, openTunnel, requestOf, startTunnelWorld, type TunnelWorld, type WorldOptions } from '../support/tunnel.ts';
import { wireOn, type Wire } from '../support/wire.ts';

const onlyTunnels = '@id("tunnels") permit (principal, action == Action::"connect", resource in Destination::"api");';
const noTunnels = '@id("calls") permit (principal, action in [Action::"read", Action::"write"], resource);';

async function startBlind({ destination, ...options }: WorldOptions = {}): Promise<TunnelWorld> {
  return startTunnelWorld({ ...options, destination: { tls: 'tunnel', credential: undefined, ...destination } });
}

/** TLS with the destination itself, whose root is the only one that is trusted. */
async function openBlind(world: TunnelWorld, authorization = world.authorization()): Promise<Wire> {
  const socket = await openTunnel(world.exeat, { authorization });
  const tls = connectTls({ socket, servername: 'api.example', ca: readFileSync(join(world.exeat.folder, 'root.pem'), 'utf8') });
  await once(tls, 'secureConnect');
  return wireOn(tls);
}

/** Nothing more comes from the other side: it has said so, or the connection is broken off. */
function over(socket: Socket): Promise<'end' | 'close'> {
  socket.resume();
  return new Promise((resolve) => {
    for (const event of ['end', 'close'] as const) socket.once(event, () => resolve(event));
  });
}

/** A server of bare bytes in the place of the destination; what it is sent begins with a ClientHello. */
async function startBare(more: object = {}) {
  await using stack = new AsyncDisposableStack();
  const connections: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => void connections.push(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const world = stack.use(await startBlind({ destination: { connect_to: `127.0.0.1:${port}`, ...more } }));
  const hello = records(clientHello([serverName('api.example')]));
  const task = world.exeat.open();
  const client = await openTunnel(world.exeat, { authorization: task.authorization, allowHalfOpen: true });
  client.write(hello);
  if (connections.length === 0) await once(server, 'connection');
  const [upstream] = connections;
  if (upstream === undefined) throw new Error('nothing was dialled');
  assert.deepEqual((await once(upstream, 'data'))[0], hello);
  const all = stack.move();
  return { world, task, hello, client, upstream, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

test('a blind tunnel is one call with the action connect: relayed unread, without a credential, its bytes counted', async () => {
  await using world = await startBlind({ config: { policy: onlyTunnels } });
  const { exeat, origin } = world;
  await using wire = await openBlind(world);
  wire.send(requestOf({ fields: ['Authorization: Bearer own'] }));
  await wire.until(/ok":true/);
  wire.socket.end();
  const [event] = await exeat.events({ kind: 'call' });
  assert.deepEqual([origin.seen[0]?.headers.authorization, origin.seen[0]?.headers['x-token']], ['Bearer own', undefined]);
  const { request_bytes: up, response_bytes: down, ...rest } = event ?? {};
  assert.ok(Number(up) > 300 && Number(down) > 600, `${String(up)} and ${String(down)} bytes`);
  assert.deepEqual(
    [
      rest['door'],
      rest['method'],
      rest['operation'],
      rest['host'],
      rest['path'],
      rest['status'],
      rest['code'],
      rest['policies'],
      rest['upstream'],
    ],
    ['tunnel', 'CONNECT', 'api connect api.example:443', 'api.example', '', 200, undefined, ['tunnels'], '127.0.0.1'],
  );
  const [started] = await exeat.events({ kind: 'call.started' });
  assert.equal(started?.['call'], rest['call']);
});

test('a blind tunnel that policy denies is told so inside, and nothing is dialled', async () => {
  await using world = await startBlind({ config: { policy: noTunnels } });
  const { id, authorization } = world.exeat.open();
  const answer = await callInside(world.exeat, { authorization });
  assert.deepEqual([answer.status, answer.code], [403, 'policy_denied']);
  assert.match(answer.head, /proxy-status: exeat; error=http_request_denied/);
  assert.equal(world.origin.connections(), 0);
  const events = await world.exeat.events({ kind: 'call', task: id });
  assert.deepEqual(
    events.map((event) => [event['method'], event['code'], event['decision']]),
    [['CONNECT', 'policy_denied', 'deny']],
  );
});

test('a blind tunnel whose server name is another one is told 421 under that name, and nothing is dialled', async () => {
  await using world = await startBlind();
  const { id, authorization } = world.exeat.open();
  const answer = await callInside(world.exeat, { authorization, tls: { servername: 'other.example' } });
  assert.deepEqual([answer.status, answer.code], [421, 'misdirected']);
  assert.equal(world.origin.connections(), 0);
  assert.equal((await world.exeat.events({ kind: 'call', task: id }))[0]?.['code'], 'misdirected');
});

test('a blind tunnel in which no TLS is spoken is refused, and nothing is dialled', async () => {
  await using world = await startBlind();
  const wire = wireOn(await openTunnel(world.exeat, { authorization: world.authorization() }));
  wire.send('SSH-2.0-client\r\n');
  assert.match(await wire.closed(), /^HTTP\/1\.1 400 [^]*tls_expected/);
  assert.equal(world.origin.connections(), 0);
});

test('a blind tunnel costs one call, and one beyond the budget is told so inside', async () => {
  await using world = await startBlind();
  const task = world.exeat.open('work', { calls: 1 });
  await using wire = await openBlind(world, task.authorization);
  wire.send(requestOf({}) + requestOf({}));
  await wire.until(/ok":true[^]*ok":true/);
  assert.equal((await callInside(world.exeat, { authorization: task.authorization })).code, 'budget_spent');
});

test('a destination that cannot be reached is told inside', async () => {
  await using world = await startBlind({ destination: { connect_to: '127.0.0.1:1' } });
  const answer = await callInside(world.exeat, { authorization: world.authorization() });
  assert.deepEqual([answer.status, answer.code], [502, 'connect_failed']);
});

test('an address that must not be dialled is not, and that is told inside', async () => {
  await using world = await startBlind({ destination: { allow_private: false, connect_to: 'self.example:1' }, stages: { resolve } });
  const answer = await callInside(world.exeat, { authorization: world.authorization() });
  assert.deepEqual([answer.status, answer.code], [403, 'address_prohibited']);
});

function resolve(_name: string, _options: object, callback: (error: null, addresses: { address: string; family: number }[]) => void): void {
  callback(null, [{ address: '127.0.0.1', family: 4 }]);
}

const cuts: readonly [what: string, cut: (world: TunnelWorld, task: string) => unknown, code: string][] = [
  ['its task is revoked', ({ exeat }, task) => exeat.sidecar.tasks.revoke(task, 'operator'), 'task_revoked'],
  ['its task is completed and the drain is over', ({ exeat }, task) => exeat.sidecar.tasks.complete(task, 'operator'), 'task_completed'],
  [
    'a reload no longer permits it',
    ({ exeat }) => {
      exeat.rewrite({ policy: noTunnels });
      return exeat.sidecar.reload('test');
    },
    'policy_denied',
  ],
  [
    'a reload wants it read',
    ({ exeat, api }) => {
      exeat.rewrite({ destinations: { api: { ...api, tls: 'intercept' } } });
      return exeat.sidecar.reload('test');
    },
    'policy_denied',
  ],
];

for (const [what, cut, code] of cuts) {
  test(`a blind tunnel is cut on both sides when ${what}`, async () => {
    await using tunnel = await startBare();
    const gone = [over(tunnel.client), over(tunnel.upstream)];
    await cut(tunnel.world, tunnel.task.id);
    assert.equal(await gone[0], 'close', 'the client cannot take it for the end that the destination meant');
    await gone[1];
    const [event] = await tunnel.world.exeat.events({ kind: 'call', task: tunnel.task.id });
    assert.deepEqual([event?.['code'], event?.['status'], event?.['request_bytes']], [code, 200, tunnel.hello.length]);
  });
}

test('a blind tunnel is cut when both sides have been silent for the limit', async () => {
  await using tunnel = await startBare({ timeouts: { idle: '200ms' } });
  await Promise.all([over(tunnel.client), over(tunnel.upstream)]);
  const [event] = await tunnel.world.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'tunnel_idle');
});

for (const first of ['client', 'upstream'] as const) {
  test(`each half of a blind tunnel is closed by itself: the ${first} may be the first, and still hear the rest`, async () => {
    await using tunnel = await startBare();
    const second = first === 'client' ? 'upstream' : 'client';
    tunnel[first].end('last words');
    assert.equal(String((await once(tunnel[second], 'data'))[0]), 'last words');
    await once(tunnel[second], 'end');
    tunnel[second].write('an answer');
    assert.equal(String((await once(tunnel[first], 'data'))[0]), 'an answer');
    tunnel[second].end();
    await once(tunnel[first], 'close');
    const [event] = await tunnel.world.exeat.events({ kind: 'call' });
    const [up, down] = first === 'client' ? [10, 9] : [9, 10];
    assert.deepEqual([event?.['code'], event?.['request_bytes'], event?.['response_bytes']], [undefined, tunnel.hello.length + up, down]);
  });
}

test('a client that is gone takes the connection to the destination with it, and the other way round', async () => {
  for (const [one, other, code] of [
    ['client', 'upstream', 'client_gone'],
    ['upstream', 'client', 'upstream_broken'],
  ] as const) {
    await using tunnel = await startBare();
    const gone = over(tunnel[other]);
    tunnel[one].resetAndDestroy();
    await gone;
    assert.equal((await tunnel.world.exeat.events({ kind: 'call' }))[0]?.['code'], code);
  }
});

test('a client that reads nothing holds the destination back, and loses nothing', async () => {
  await using tunnel = await startBare();
  tunnel.client.pause();
  const block = Buffer.alloc(1024 * 1024, 'x');
  let sent = 0;
  while (tunnel.upstream.write(block) && sent < 64) sent += 1;
  for (; sent < 64; sent += 1) tunnel.upstream.write(block);
  tunnel.upstream.end();
  assert.ok(tunnel.upstream.writableLength > 0);
  let received = 0;
  tunnel.client.on('data', (chunk: Buffer) => (received += chunk.length));
  tunnel.client.resume();
  await once(tunnel.client, 'end');
  assert.equal(received, block.length * 65);
});

test('with protocol: tunnel a destination is reached by CONNECT alone', async () => {
  await using world = await startBlind({ destination: { protocol: 'tunnel', tls: undefined } });
  const authorization = world.authorization();
  const answer = await call('https://api.example/x', { proxy: world.exeat.proxy, authorization });
  assert.deepEqual([answer.status, answer.code], [403, 'tunnel_only']);
  await using wire = await openBlind(world, authorization);
  wire.send(requestOf({}));
  await wire.until(/ok":true/);
});

test('a destination that is relayed unread is read all the same where it is called by a URL', async () => {
  await using world = await startBlind({
    config: { policy: `${permitAll} @id("no") forbid (principal, action == Action::"connect", resource);` },
  });
  const answer = await call('https://api.example/x', { proxy: world.exeat.proxy, authorization: world.authorization() });
  assert.equal(answer.status, 200);
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['operation'], event?.['door']], ['api read /x', 'forward']);
});
