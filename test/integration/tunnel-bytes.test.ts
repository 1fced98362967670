import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { test } from 'node:test';
import { connectTo, openTunnel, requestOf, startTunnelWorld, trustOf, type TunnelWorld } from '../support/tunnel.ts';
import { wireOn } from '../support/wire.ts';

/** TLS over a tunnel whose client writes each piece by itself, `most` bytes long at most. */
async function openInPieces(world: TunnelWorld, most: number) {
  const socket = await openTunnel(world.exeat, { authorization: world.authorization() });
  socket.setNoDelay(true);
  const pieces = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const send = (at: number): void => {
        if (at >= chunk.length) return done();
        socket.write(chunk.subarray(at, at + most), () => setImmediate(send, at + most));
      };
      send(0);
    },
  });
  socket.on('data', (chunk) => pieces.push(chunk));
  const tls = connectTls({ socket: pieces, servername: 'api.example', ca: trustOf(world.exeat) });
  await once(tls, 'secureConnect');
  return wireOn(tls);
}

for (const most of [1, 2, 7, 100]) {
  test(`a client that writes ${most} byte${most === 1 ? '' : 's'} at a time is understood`, async () => {
    await using world = await startTunnelWorld();
    const wire = await openInPieces(world, most);
    wire.send(requestOf({}, 'Connection: close'));
    await wire.until(/ok":true/);
    wire.socket.destroy();
  });
}

test('a client that does not wait for the answer to its CONNECT loses nothing', async () => {
  await using world = await startTunnelWorld();
  const [host, port] = world.exeat.proxy.split(':');
  using stack = new DisposableStack();
  const socket = stack.adopt(connectTcp(Number(port), host), (each) => void each.destroy());
  const eager = new Duplex({ read() {}, write: (chunk, _encoding, done) => void socket.write(chunk, done) });
  let head: string | undefined = '';
  socket.on('data', (chunk: Buffer) => {
    const text: string = (head ?? '') + chunk.toString('latin1');
    const end = head === undefined ? 0 : text.indexOf('\r\n\r\n') + 4;
    head = end === 3 ? text : undefined;
    if (end !== 3 && text.length > end) eager.push(Buffer.from(text.slice(end), 'latin1'));
  });
  socket.cork();
  socket.write(connectTo('api.example:443', world.authorization()));
  const tls = connectTls({ socket: eager, servername: 'api.example', ca: trustOf(world.exeat) });
  setImmediate(() => socket.uncork());
  await once(tls, 'secureConnect');
  const wire = wireOn(tls);
  wire.send(requestOf({}));
  await wire.until(/ok":true/);
});

test('plain HTTP that comes together with its CONNECT is read once there is a tunnel', async () => {
  await using world = await startTunnelWorld({ destination: { hosts: ['http://api.example:8080'], credential: undefined } });
  const [host, port] = world.exeat.proxy.split(':');
  const wire = wireOn(connectTcp(Number(port), host));
  const authority = 'api.example:8080';
  wire.send(connectTo(authority, world.authorization()) + requestOf({ authority }, 'Connection: close'));
  // The origin speaks TLS, so that what it gets from us is refused: but it was asked.
  assert.match(await wire.closed(), /^HTTP\/1\.1 200 Connection established\r\n\r\nHTTP\/1\.1 502 /);
  assert.equal(world.origin.connections(), 1);
});
