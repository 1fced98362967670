import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSocketWorld, type SocketWorld } from '../support/websockets.ts';
import { openWire } from '../support/wire.ts';

// RFC 6455 §4.2.1 to the letter: a handshake that two servers could read in two ways is an opening for requests that nobody decided on.

let world: SocketWorld;
before(async () => {
  world = await startSocketWorld();
});
after(() => world[Symbol.asyncDispose]());

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const refused: readonly [name: string, fields: Fields, status: number][] = [
  ['no key', { 'Sec-WebSocket-Key': undefined }, 400],
  ['an empty key', { 'Sec-WebSocket-Key': '' }, 400],
  ['a key of fifteen octets', { 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') }, 400],
  ['a key of seventeen octets', { 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') }, 400],
  ['a key that is not canonical base64', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZR==' }, 400],
  ['a key in the URL alphabet', { 'Sec-WebSocket-Key': '__hlIHNhbXBsZSBub25jZQ==' }, 400],
  ['two keys', { 'Sec-WebSocket-Key': [key, key] }, 400],
  ['no version', { 'Sec-WebSocket-Version': undefined }, 400],
  ['another version', { 'Sec-WebSocket-Version': '8' }, 400],
  ['a list of versions', { 'Sec-WebSocket-Version': '13, 8' }, 400],
  ['two versions', { 'Sec-WebSocket-Version': ['13', '13'] }, 400],
  ['two Upgrade fields', { Upgrade: ['websocket', 'websocket'] }, 400],
  ['another protocol beside it', { Upgrade: 'websocket, h2c' }, 400],
  ['h2c before it', { Upgrade: ['h2c', 'websocket'] }, 400],
  ['a version of it', { Upgrade: 'websocket/13' }, 400],
  ['Connection that does not name Upgrade', { Connection: 'keep-alive' }, 501],
  ['no Connection', { Connection: undefined }, 501],
  ['Connection that names the key', { Connection: 'Upgrade, Sec-WebSocket-Key' }, 400],
  ['Connection that names the accept', { Connection: 'Upgrade, Sec-WebSocket-Accept' }, 400],
  ['Connection that names authorization', { Connection: 'Upgrade, Authorization' }, 400],
  ['a body', { 'Content-Length': '5' }, 501],
  ['an empty body', { 'Content-Length': '0' }, 501],
  ['a chunked body', { 'Transfer-Encoding': 'chunked' }, 501],
  ['Content-Length and Transfer-Encoding', { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }, 400],
  ['two Host fields', { Host: ['a.example', 'b.example'] }, 400],
  ['a Host that differs from the target', { Host: 'other.example' }, 400],
  ['a method override', { 'X-HTTP-Method-Override': 'POST' }, 400],
  ['Exeat-Task', { 'Exeat-Task': 'a.b' }, 400],
  ['no task', { 'Proxy-Authorization': undefined }, 407],
];

for (const [name, fields, status] of refused) {
  test(`a handshake with ${name} is refused with ${status} and nothing is sent on`, async () => {
    await using wire = await openWire(world.exeat.proxy);
    // What follows would be a body, frames, or a request that nobody decided on.
    wire.send(`${world.handshake(fields)}GET ${world.origin.url}/smuggled HTTP/1.1\r\nHost: ${world.origin.host}\r\n\r\n`);
    const answer = await wire.closed();
    assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), [`HTTP/1.1 ${status}`]);
    assert.match(answer, /\r\nproxy-status: exeat; error=/i);
    assert.match(answer, /application\/problem\+json/);
    assert.equal(world.origin.handshakes.length, 0);
  });
}

for (const [name, line] of [
  ['HTTP/1.0', (url: string) => `GET ${url}/room HTTP/1.0`],
  ['POST', (url: string) => `POST ${url}/room HTTP/1.1`],
  ['HEAD', (url: string) => `HEAD ${url}/room HTTP/1.1`],
  ['user-info', (url: string) => `GET ${url.replace('//', '//a:b@')}/room HTTP/1.1`],
  ['a fragment', (url: string) => `GET ${url}/room#top HTTP/1.1`],
  ['a dot segment', (url: string) => `GET ${url}/a/../room HTTP/1.1`],
  ['a scheme of its own', (url: string) => `GET ${url.replace('http', 'wsx')}/room HTTP/1.1`],
] as const) {
  test(`a handshake with ${name} in its request line is refused`, async () => {
    await using wire = await openWire(world.exeat.proxy);
    wire.send(world.handshake().replace(/^[^\r]*/, line(world.origin.url)));
    assert.match(await wire.closed(), /^HTTP\/1\.1 (?:400|501) /);
    assert.equal(world.origin.handshakes.length, 0);
  });
}

test('a handshake that is pipelined behind a request is not taken: its answer could land in the other', async () => {
  await using wire = await openWire(world.exeat.proxy);
  const { url, host } = world.origin;
  wire.send(`GET ${url}/first HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${world.task.authorization}\r\n\r\n${world.handshake()}`);
  const answers = await wire.closed();
  assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 426', 'HTTP/1.1 501']);
  assert.equal(world.origin.handshakes.length, 0);
});

test('a handshake on a connection that has answered before is taken', async () => {
  await using wire = await openWire(world.exeat.proxy);
  const { url, host } = world.origin;
  wire.send(`GET ${url}/first HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${world.task.authorization}\r\n\r\n`);
  await wire.until(/HTTP\/1\.1 426[^]*\r\n\r\n/);
  wire.send(world.handshake());
  await wire.until(/HTTP\/1\.1 101[^]*\r\n\r\n/);
});

test('an upgrade to anything else stays a plain request, without the offer', async () => {
  await using wire = await openWire(world.exeat.proxy);
  wire.send(world.handshake({ Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABkAAQAoAAAAAIAAAAA' }));
  await wire.until(/^HTTP\/1\.1 426 /);
});
