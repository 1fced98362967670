import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { temporaryFolder } from '../support/broker.ts';
import { createRoot } from '../support/certificates.ts';
import { startTestSidecar } from '../support/sidecar.ts';
import { startTokenServer } from '../support/token-server.ts';
import { openSocket, startSocketOrigin, startSocketWorld, type SocketWorld } from '../support/websockets.ts';
import { openWire } from '../support/wire.ts';

const secret = 'the-secret-4711';

function staticCredential(folder: string): object {
  const file = join(folder, 'secret');
  writeFileSync(file, secret);
  return { kind: 'static', header: 'authorization', value: { file }, expires: '2999-01-01', reason: 'test' };
}

test('a WebSocket through the forward door carries messages both ways, and is in the audit from its start to its end', async () => {
  await using world = await startSocketWorld();
  await using client = await world.open('/room?x=1');
  const [started] = await world.exeat.events({ kind: 'call.started' });
  assert.deepEqual([started?.['operation'], started?.['method']], ['chat websocket /room', 'GET']);
  for (const message of ['hello', '', 'ünïcode']) {
    client.send(message);
    assert.equal((await client.next()).toString(), message);
  }
  const binary = randomBytes(1000);
  client.send(binary);
  assert.deepEqual(await client.next(), binary);
  client.ws.close(1000, 'done');
  assert.deepEqual(await client.closed(), { code: 1000, reason: 'done' });
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['call'], event?.['status'], event?.['code']], [started?.['call'], 101, undefined]);
  // Frames, with their headers: three short ones, one long one and Close.
  assert.deepEqual([event?.['request_bytes'], event?.['response_bytes']], [11 + 6 + 15 + 1008 + 12, 7 + 2 + 11 + 1004 + 8]);
  assert.equal(world.origin.handshakes[0]?.url, '/room?x=1');
});

test('a WebSocket on a route goes to the destination of the route', async () => {
  await using origin = await startSocketOrigin();
  const routed = { route: '/chat', url: `${origin.url}/v1`, allow_private: true, unsafe_cleartext: true };
  await using exeat = await startTestSidecar({ destinations: { routed } });
  const { credential } = exeat.open();
  await using client = await openSocket({ proxy: exeat.proxy, target: '/chat/room', headers: { Authorization: `Bearer ${credential}` } });
  client.send('hello');
  assert.equal((await client.next()).toString(), 'hello');
  const [seen] = origin.handshakes;
  assert.deepEqual([seen?.url, seen?.headers.host, seen?.headers.authorization], ['/v1/room', origin.host, undefined]);
});

test('the credential is injected over verified TLS and the agent keeps none of its own, whatever scheme the agent writes', async () => {
  const root = await createRoot();
  using folder = temporaryFolder();
  const ca = join(folder.path, 'ca.pem');
  writeFileSync(ca, root.pem);
  await using origin = await startSocketOrigin({ certificate: await root.issue(['chat.example']) });
  const chat = { hosts: ['chat.example'], connect_to: origin.host, allow_private: true, ca, credential: staticCredential(folder.path) };
  await using exeat = await startTestSidecar({ destinations: { chat } });
  const { authorization } = exeat.open();
  for (const scheme of ['http', 'ws', 'wss']) {
    const headers = { 'Proxy-Authorization': authorization, Authorization: 'Bearer of-the-agent', Cookie: 'a=b' };
    await using client = await openSocket({ proxy: exeat.proxy, target: `${scheme}://chat.example/room`, host: 'chat.example', headers });
    client.send('hello');
    assert.equal((await client.next()).toString(), 'hello');
    const seen = origin.handshakes.at(-1)?.headers;
    assert.deepEqual([seen?.authorization, seen?.cookie, seen?.['proxy-authorization']], [secret, undefined, undefined]);
    assert.equal(seen?.host, 'chat.example');
  }
  const [event] = await exeat.events({ kind: 'call' });
  assert.deepEqual(event?.['removed'], ['authorization', 'cookie']);
});

test('subprotocols and extensions are agreed end to end; a subprotocol that carries a credential is not passed on', async () => {
  await using world = await startSocketWorld({
    ws: { perMessageDeflate: { threshold: 0 }, handleProtocols: (offered) => [...offered][0] ?? false },
  });
  const protocols = ['openai-insecure-api-key.sk-1', 'chat.v2', 'chat.v1'];
  await using client = await world.open('/room', { protocols, options: { perMessageDeflate: { threshold: 0 } } });
  assert.equal(client.ws.protocol, 'chat.v2');
  assert.equal(client.ws.extensions, 'permessage-deflate');
  const seen = world.origin.handshakes[0]?.headers;
  assert.equal(seen?.['sec-websocket-protocol'], 'chat.v2,chat.v1');
  assert.match(seen?.['sec-websocket-extensions'] ?? '', /permessage-deflate/);
  const long = 'all the same '.repeat(10_000);
  client.send(long);
  assert.equal((await client.next()).toString(), long);
  client.ws.close();
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual(event?.['removed'], ['sec-websocket-protocol']);
  assert(Number(event?.['request_bytes']) < 10_000, 'it was compressed all the way');
});

test('pings and pongs pass through', async () => {
  await using world = await startSocketWorld();
  await using client = await world.open();
  client.ws.ping('are you there?');
  const [pong] = (await once(client.ws, 'pong')) as [Buffer];
  assert.equal(pong.toString(), 'are you there?');
  world.origin.newest().ping('and you?');
  const [back] = (await once(world.origin.newest(), 'pong')) as [Buffer];
  assert.equal(back.toString(), 'and you?');
});

test('what comes right behind the handshake, in one packet with it, arrives once the destination has taken it, and not before', async () => {
  await using world = await startSocketWorld();
  await using wire = await openWire(world.exeat.proxy);
  const hello = Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from('hello')]).toString('latin1');
  wire.send(world.handshake() + hello);
  const answer = await wire.until(/hello$/);
  assert.ok(answer.endsWith('\r\n\r\n\x81\x05hello'));
  assert.match(answer, /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n/);
  assert.match(answer, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
  assert.match(answer, /\r\nvia: 1\.1 exeat\r\n/);
});

test('what comes behind a handshake that is refused is read by nobody', async () => {
  await using world = await startSocketWorld({ config: { policy: '' } });
  await using wire = await openWire(world.exeat.proxy);
  wire.send(`${world.handshake()}GET ${world.origin.url}/ HTTP/1.1\r\nHost: ${world.origin.host}\r\n\r\n`);
  const answer = await wire.closed();
  assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 403']);
  assert.match(answer, /\r\nconnection: close\r\n/i);
});

test('a handshake that policy denies is a 403 that says so, and nothing is dialled', async () => {
  await using world = await startSocketWorld({
    config: { policy: '@id("reads") permit (principal, action in Action::"read", resource);' },
  });
  await using wire = await openWire(world.exeat.proxy);
  wire.send(world.handshake());
  assert.match(await wire.closed(), /^HTTP\/1\.1 403 [^]*application\/problem\+json[^]*"code":"policy_denied"/);
  assert.equal(world.origin.handshakes.length, 0);
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['code'], event?.['decision']], ['policy_denied', 'deny']);
  assert.deepEqual(await world.exeat.events({ kind: 'call.started' }, 0), []);
});

test('an answer other than 101 reaches the client whole, and ends the connection', async () => {
  const body = randomBytes(300_000).toString('hex');
  await using world = await startSocketWorld({
    answer(_request, socket) {
      socket.write('HTTP/1.1 404 Not Found\r\nSet-Cookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n');
      socket.end(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
      return true;
    },
  });
  const { status, headers, text } = await answerTo(world);
  assert.deepEqual([status, headers.connection, headers['set-cookie']], [404, 'close', undefined]);
  assert.equal(text, body);
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['status'], event?.['code'], event?.['response_bytes']], [404, undefined, body.length]);
});

for (const [what, fields] of [
  ['whose accept is for another key', 'Upgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
  ['without an accept', 'Upgrade: websocket'],
  ['to another protocol', 'Upgrade: h2c\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
] as const) {
  test(`a 101 ${what} is not passed on`, async () => {
    await using world = await startSocketWorld({
      answer(_request, socket) {
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${fields}\r\n\r\n`);
        return true;
      },
    });
    await using wire = await openWire(world.exeat.proxy);
    wire.send(world.handshake());
    assert.match(await wire.closed(), /^HTTP\/1\.1 502 [^]*"code":"upstream_malformed"/);
  });
}

test('a destination that breaks off during the handshake is a 502, one that does not answer a 504', async () => {
  let first = true;
  await using world = await startSocketWorld({
    destination: { timeouts: { headers: '100ms' } },
    answer(_request, socket) {
      if (first) socket.destroy();
      first = false;
      return true;
    },
  });
  assert.equal((await answerTo(world)).status, 502);
  assert.equal((await answerTo(world)).status, 504);
});

test('a client that goes away during the handshake takes its end to the destination with it', async () => {
  const asked = Promise.withResolvers<Duplex>();
  await using world = await startSocketWorld({
    answer(_request, socket) {
      asked.resolve(socket);
      return true;
    },
  });
  await using wire = await openWire(world.exeat.proxy);
  wire.send(world.handshake());
  const atDestination = await asked.promise;
  const gone = once(atDestination, 'end');
  atDestination.resume();
  wire.socket.destroy();
  await gone;
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['status'], event?.['code']], [499, 'client_gone']);
});

test('a destination that takes a token no more gets the handshake once again with a fresh one', async () => {
  await using authority = await startTokenServer();
  await using world = await startSocketWorld({
    destination: { credential: { kind: 'token-exchange', audience: 'a' } },
    config: { authority: { issuer: authority.issuer, unsafe_cleartext: true } },
    answer(_request, socket) {
      if (world.origin.handshakes.length > 1) return false;
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
      return true;
    },
  });
  await using client = await world.open();
  client.send('hello');
  assert.equal((await client.next()).toString(), 'hello');
  const [first, second, ...more] = world.origin.handshakes.map(({ headers }) => headers);
  assert.notEqual(first?.authorization, second?.authorization);
  assert.equal(first?.['sec-websocket-key'], second?.['sec-websocket-key']);
  assert.deepEqual(more, []);
});

test('a destination that rejects our credential is a 502, as on any other call', async () => {
  using folder = temporaryFolder();
  await using world = await startSocketWorld({
    destination: { credential: staticCredential(folder.path) },
    answer(_request, socket) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n');
      return true;
    },
  });
  await using wire = await openWire(world.exeat.proxy);
  wire.send(world.handshake());
  const answer = await wire.closed();
  assert.match(answer, /^HTTP\/1\.1 502 [^]*received-status=401[^]*"code":"credential_rejected"/);
  assert.doesNotMatch(answer, /www-authenticate/i);
});

/** The answer to a handshake that is no 101, as an ordinary HTTP client reads it. */
async function answerTo({ origin, exeat, task }: SocketWorld): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
  const [host, port] = exeat.proxy.split(':');
  const client = request({
    host,
    port,
    path: `${origin.url}/room`,
    headers: {
      Host: origin.host,
      'Proxy-Authorization': task.authorization,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  });
  client.end();
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('latin1')) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}
