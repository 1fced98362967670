import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { test } from 'node:test';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { createRoot } from '../support/certificates.ts';
import { basic, startConnectProxy } from '../support/connect-proxy.ts';
import { password, proxyName } from '../support/corporate.ts';
import { say, startGrpcWorld } from '../support/grpc.ts';
import { startTestSidecar } from '../support/sidecar.ts';
import { openTunnel, secret, trustOf } from '../support/tunnel.ts';
import { openSocket, startSocketOrigin } from '../support/websockets.ts';

/** A WebSocket server that only a company's proxy knows, by two names, one of them a route; with TLS and a credential, or in clear without. */
async function startWorld({ clear = false }: { readonly clear?: boolean } = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const root = await createRoot();
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const ca = file('ca.pem', root.pem);
  const origin = stack.use(await startSocketOrigin(clear ? {} : { certificate: await root.issue(['chat.example', 'routed.example']) }));
  const zone = Object.fromEntries(['chat', 'routed'].map((name) => [`${name}.example:${origin.port}`, origin.host]));
  const proxy = stack.use(await startConnectProxy({ zone, authorization: basic('exeat', password) }));
  const value = { file: file('secret', secret) };
  const credential = { kind: 'static', header: 'x-token', value, expires: '2999-01-01', reason: 'test' };
  const peer = clear ? {} : { ca, credential };
  const scheme = clear ? 'http' : 'https';
  const exeat = stack.use(
    await startTestSidecar(
      {
        folder,
        destinations: {
          chat: { hosts: [`${scheme}://chat.example:${origin.port}`], ...peer },
          routed: { route: '/chat', url: `${scheme}://routed.example:${origin.port}/v1`, ...peer },
        },
        upstream_proxy: {
          url: `http://${proxyName}:${proxy.port}`,
          credentials: { username: 'exeat', password: { file: file('password', password) } },
          unsafe_cleartext: true,
        },
      },
      { resolve: (_name, _options, callback) => setImmediate(() => callback(null, [{ address: '127.0.0.1', family: 4 }])) },
    ),
  );
  const task = exeat.open();
  const host = `chat.example:${origin.port}`;
  const forward = { proxy: exeat.proxy, target: `${scheme}://${host}/room`, host, headers: { 'Proxy-Authorization': task.authorization } };
  const route = { proxy: exeat.proxy, target: '/chat/room', headers: { 'Exeat-Task': task.credential } };
  return {
    origin,
    proxy,
    exeat,
    task,
    doors: {
      forward: () => openSocket(forward),
      route: () => openSocket(route),
      async tunnel() {
        const bare = await openTunnel(exeat, { authorization: task.authorization, authority: host });
        const socket = clear ? bare : connectTls({ socket: bare, servername: 'chat.example', ca: trustOf(exeat) });
        return openSocket({ proxy: host, target: '/room', options: { createConnection: () => socket } });
      },
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

for (const clear of [false, true]) {
  for (const door of ['forward', 'route', 'tunnel'] as const) {
    test(`a WebSocket by the ${door} door to ${clear ? 'an http' : 'an https'} destination goes through the proxy, and a revoke closes it`, async () => {
      await using world = await startWorld({ clear });
      await using client = await world.doors[door]();
      client.send('hello');
      assert.equal((await client.next()).toString(), 'hello');
      const [handshake] = world.origin.handshakes;
      assert.deepEqual([handshake?.headers['x-token'], handshake?.headers['proxy-authorization']], [clear ? undefined : secret, undefined]);
      assert.equal(world.proxy.seen.length, 1);
      assert.doesNotMatch(JSON.stringify(world.proxy.seen[0]?.headers), new RegExp(secret));
      const ended = new Promise<number>((resolve) => world.origin.newest().on('close', resolve));
      void world.exeat.sidecar.tasks.revoke(world.task.id, 'operator');
      assert.deepEqual([await client.closed(), await ended], [{ code: 1008, reason: 'task_revoked' }, 1001]);
      const [event] = await world.exeat.events({ kind: 'call' });
      assert.deepEqual([event?.['door'], event?.['status'], event?.['code'], event?.['address']], [door, 101, 'task_revoked', 'unchecked']);
    });
  }
}

test('a call on a route goes through the proxy, by the name of its destination', async () => {
  await using world = await startWorld();
  const { status } = await call(`http://${world.exeat.proxy}/chat/items`, {
    proxy: world.exeat.proxy,
    fields: [`Exeat-Task: ${world.task.credential}`],
  });
  assert.deepEqual([status, world.proxy.seen.map(({ target }) => target)], [426, [`routed.example:${world.origin.port}`]]);
});

test('a WebSocket to a name that the proxy refuses is a 502 and no WebSocket, and the agent is asked for no credentials', async () => {
  await using world = await startWorld();
  world.proxy.misbehave((socket) => socket.end('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="corp"\r\n\r\n'));
  for (const door of ['forward', 'route', 'tunnel'] as const)
    await assert.rejects(world.doors[door](), /Unexpected server response: 502/, door);
  assert.equal(world.origin.handshakes.length, 0);
});

test('gRPC goes through the proxy, by HTTP/2 inside of TLS that the destination alone ends', async () => {
  const zone: Record<string, string> = {};
  await using proxy = await startConnectProxy({ zone });
  const config = { upstream_proxy: { url: `http://127.0.0.1:${proxy.port}` } };
  await using world = await startGrpcWorld({ destination: { connect_to: undefined, allow_private: false }, config });
  zone['grpc.example:443'] = world.host;
  const client = world.client(world.exeat.open());
  assert.deepEqual([(await say(client, 'hello')).text, (await say(client, 'again')).text], ['hello', 'again']);
  assert.deepEqual([proxy.seen.map(({ target }) => target), world.seen.metadata[0]?.get('x-token')], [['grpc.example:443'], [secret]]);
});
