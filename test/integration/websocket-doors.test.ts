import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { temporaryFolder } from '../support/broker.ts';
import { createRoot } from '../support/certificates.ts';
import { controlOf } from '../support/control.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openTunnel, secret, trustOf } from '../support/tunnel.ts';
import { openSocket, startSocketOrigin } from '../support/websockets.ts';
import { wireOn } from '../support/wire.ts';

/** `chat.example`, a WebSocket server behind TLS with a credential of its own; `plain.example:8080`, one without; and a sidecar before them. */
async function startWorld() {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const root = await createRoot();
  const [ca, file] = [join(folder, 'root.pem'), join(folder, 'secret')];
  writeFileSync(ca, root.pem);
  writeFileSync(file, secret);
  const origin = stack.use(await startSocketOrigin({ certificate: await root.issue(['chat.example']) }));
  const inClear = stack.use(await startSocketOrigin());
  const credential = { kind: 'static', header: 'authorization', value: { file }, expires: '2999-01-01', reason: 'test' };
  const exeat = stack.use(
    await startTestSidecar({
      folder,
      destinations: {
        chat: { hosts: ['chat.example'], connect_to: origin.host, allow_private: true, ca, credential },
        plain: { hosts: ['http://plain.example:8080'], connect_to: inClear.host, allow_private: true },
      },
    }),
  );
  const task = exeat.open();
  const tunnel = (authority: string) => openTunnel(exeat, { authorization: task.authorization, authority });
  return { origin, inClear, exeat, task, tunnel, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('wss:// goes through CONNECT like any call: the credential is injected, and a revoke closes it inside of the tunnel', async () => {
  await using world = await startWorld();
  const socket = connectTls({ socket: await world.tunnel('chat.example:443'), servername: 'chat.example', ca: trustOf(world.exeat) });
  const headers = { Authorization: 'Bearer of-the-agent' };
  const target = { proxy: 'chat.example', target: '/room', headers, options: { createConnection: () => socket } };
  await using client = await openSocket(target);
  client.send('hello');
  assert.equal((await client.next()).toString(), 'hello');
  assert.equal(world.origin.handshakes[0]?.headers.authorization, secret);
  await controlOf(world.exeat, 'orchestrator')('POST', `/v1/tasks/${world.task.id}/revoke`);
  assert.deepEqual(await client.closed(), { code: 1008, reason: 'task_revoked' });
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual(
    [event?.['door'], event?.['operation'], event?.['status'], event?.['code'], event?.['removed']],
    ['tunnel', 'chat websocket /room', 101, 'task_revoked', ['authorization']],
  );
});

test('ws:// goes through CONNECT where the destination is http, as most clients do it', async () => {
  await using world = await startWorld();
  const socket = await world.tunnel('plain.example:8080');
  const target = { proxy: 'plain.example:8080', target: '/room', options: { createConnection: () => socket } };
  await using client = await openSocket(target);
  client.send('hello');
  assert.equal((await client.next()).toString(), 'hello');
  assert.equal(world.inClear.handshakes[0]?.headers.host, 'plain.example:8080');
});

test('a sidecar that shuts down closes a WebSocket in a tunnel with its reason too', async () => {
  await using world = await startWorld();
  const socket = connectTls({ socket: await world.tunnel('chat.example:443'), servername: 'chat.example', ca: trustOf(world.exeat) });
  await using client = await openSocket({ proxy: 'chat.example', target: '/room', options: { createConnection: () => socket } });
  await world.exeat.sidecar[Symbol.asyncDispose]();
  assert.deepEqual(await client.closed(), { code: 1001, reason: 'shutting_down' });
});

test("Node's own WebSocket comes through with nothing but its environment", async () => {
  await using world = await startWorld();
  const script = `
    const socket = new WebSocket('ws://plain.example:8080/room');
    socket.onopen = () => socket.send('hello');
    socket.onmessage = ({ data }) => { console.log(data); socket.close(4000, 'done'); };
    socket.onclose = ({ code }) => console.log(code);`;
  const env = { ...process.env, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: world.task.proxyUrl, http_proxy: world.task.proxyUrl };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { env });
  assert.equal(stdout, 'hello\n4000\n');
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['operation'], event?.['status']], ['plain websocket /room', 101]);
});

for (const [what, host, field] of [
  ['another Host', 'other.example', ''],
  ['a task of its own', 'chat.example', 'Exeat-Task: a.b\r\n'],
] as const) {
  test(`a handshake in a tunnel with ${what} is refused`, async () => {
    await using world = await startWorld();
    const socket = connectTls({ socket: await world.tunnel('chat.example:443'), servername: 'chat.example', ca: trustOf(world.exeat) });
    await using wire = wireOn(socket);
    const handshake =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    wire.send(`GET /room HTTP/1.1\r\nHost: ${host}\r\n${field}${handshake}\r\n\r\n`);
    assert.match(await wire.closed(), /^HTTP\/1\.1 4(?:21|00) [^]*problem\+json/);
    assert.equal(world.origin.handshakes.length, 0);
  });
}

test('no web page opens a WebSocket in a default task, unless it is our own', async () => {
  await using origin = await startSocketOrigin();
  const routed = { route: '/chat', url: origin.url, allow_private: true };
  await using exeat = await startTestSidecar({ destinations: { routed }, tasks: { default_intent: 'work' } });
  const open = (headers: Readonly<Record<string, string>>) => openSocket({ proxy: exeat.proxy, target: '/chat/room', headers });
  await assert.rejects(open({ Origin: 'http://evil.example' }), /403/);
  await assert.rejects(open({ 'Sec-Fetch-Site': 'cross-site' }), /403/);
  assert.equal(origin.handshakes.length, 0);
  for (const headers of [{}, { Origin: `http://${exeat.proxy}` }]) {
    await using client = await open(headers);
    client.send('hello');
    assert.equal((await client.next()).toString(), 'hello');
  }
});

test('a WebSocket is explained by its URL, apart from a GET of the same path', async () => {
  await using origin = await startSocketOrigin();
  await using exeat = await startTestSidecar({
    destinations: { chat: loopback(origin) },
    policy: '@id("reads") permit (principal, action in Action::"read", resource);',
  });
  const { id } = exeat.open();
  const explain = async (url: string) => (await controlOf(exeat, 'operator')('POST', '/v1/explain', { task: id, method: 'GET', url })).body;
  const [get, handshake] = [await explain(`${origin.url}/room`), await explain(`${origin.url.replace('http', 'ws')}/room`)];
  assert.deepEqual([get['decision'], get['operation']], ['allow', 'chat read /room']);
  assert.deepEqual([handshake['decision'], handshake['operation']], ['deny', 'chat websocket /room']);
});
