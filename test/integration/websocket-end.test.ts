import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { controlOf } from '../support/control.ts';
import { permitAll } from '../support/sidecar.ts';
import { startSocketWorld, switched } from '../support/websockets.ts';
import { openWire } from '../support/wire.ts';

/** How the destination sees its end: the code of the Close frame, 1006 where there was none. */
async function codeOf(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

for (const [how, code, least] of [
  ['revoke', 'task_revoked', 0],
  ['complete', 'task_completed', 195],
] as const) {
  test(`after ${how} a WebSocket is closed on both sides, the client is told why, and the audit has the octets of both directions`, async () => {
    await using world = await startSocketWorld();
    await using client = await world.open();
    client.send('hello');
    await client.next();
    const atDestination = codeOf(world.origin.newest());
    const begun = Date.now();
    const { status } = await controlOf(world.exeat, 'orchestrator')('POST', `/v1/tasks/${world.task.id}/${how}`);
    assert.equal(status, 200);
    assert.deepEqual(await client.closed(), { code: 1008, reason: code });
    assert(Date.now() - begun >= least && Date.now() - begun < least + 190, `${Date.now() - begun} ms`);
    assert.equal(await atDestination, 1001);
    const [event] = await world.exeat.events({ kind: 'call' });
    assert.deepEqual([event?.['status'], event?.['code']], [101, code]);
    assert.deepEqual([event?.['request_bytes'], event?.['response_bytes']], [11, 7]);
    await assert.rejects(world.open(), /403/);
  });
}

test('a policy that no longer grants a WebSocket closes it, and only it', async () => {
  await using world = await startSocketWorld();
  await using cut = await world.open('/cut');
  await using kept = await world.open('/kept');
  world.exeat.rewrite({
    policy: `${permitAll} @id("no more") forbid (principal, action == Action::"websocket", resource) when { context.http.path == "/cut" };`,
  });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  assert.deepEqual(await cut.closed(), { code: 1008, reason: 'policy_denied' });
  kept.send('still granted');
  assert.equal((await kept.next()).toString(), 'still granted');
});

test('a sidecar that shuts down lets WebSockets end for the drain, then closes them', async () => {
  await using world = await startSocketWorld();
  await using client = await world.open();
  const atDestination = codeOf(world.origin.newest());
  const begun = Date.now();
  await world.exeat.sidecar[Symbol.asyncDispose]();
  assert.deepEqual(await client.closed(), { code: 1001, reason: 'shutting_down' });
  assert.equal(await atDestination, 1001);
  assert(Date.now() - begun < 900, 'closed by the close handshake, not by the grace');
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'shutting_down');
});

test('a WebSocket on which nobody speaks is closed at the idle limit of its destination, one on which somebody does is not', async () => {
  await using world = await startSocketWorld({ destination: { timeouts: { idle: '300ms' } } });
  await using silent = await world.open('/silent');
  await using busy = await world.open('/busy');
  const timer = setInterval(() => busy.ws.ping(), 50);
  assert.deepEqual(await silent.closed(), { code: 1001, reason: 'upstream_stalled' });
  busy.send('hello');
  assert.equal((await busy.next()).toString(), 'hello');
  clearInterval(timer);
  const [event] = await world.exeat.events({ kind: 'call', path: '/silent' });
  assert.equal(event?.['code'], 'upstream_stalled');
});

test('the close handshake passes through, whoever begins it', async () => {
  await using world = await startSocketWorld();
  await using client = await world.open();
  world.origin.newest().close(4001, 'by the destination');
  assert.deepEqual(await client.closed(), { code: 4001, reason: 'by the destination' });
  await using other = await world.open();
  const atDestination = codeOf(world.origin.newest());
  other.ws.close(4002);
  assert.equal(await atDestination, 4002);
  const events = await world.exeat.events({ kind: 'call' }, 2);
  assert.deepEqual(
    events.map(({ code }) => code),
    [undefined, undefined],
  );
});

test('a destination that is gone takes the client with it, and a client that is gone the destination', async () => {
  await using world = await startSocketWorld();
  await using client = await world.open('/destination');
  world.origin.newest().terminate();
  assert.equal((await client.closed()).code, 1006);
  await using other = await world.open('/client');
  const atDestination = codeOf(world.origin.newest());
  other.ws.terminate();
  assert.equal(await atDestination, 1006);
  const codes = await world.exeat.events({ kind: 'call' }, 2);
  assert.deepEqual(
    codes.map(({ code }) => code),
    ['upstream_broken', 'client_gone'],
  );
});

/** Close with 1008 and this reason, as the client gets it. */
const revoked = '\x88\x0e\x03\xf0task_revoked';

/** A WebSocket whose octets are seen on both sides; `opened` as soon as it runs. */
async function startBare() {
  const stack = new AsyncDisposableStack();
  const ends = Promise.withResolvers<Duplex>();
  const world = stack.use(
    await startSocketWorld({
      answer(_request, socket) {
        socket.write(switched);
        ends.resolve(socket);
        return true;
      },
    }),
  );
  const wire = stack.use(await openWire(world.exeat.proxy));
  wire.send(world.handshake());
  await wire.until(/\r\n\r\n/);
  const destination = await ends.promise;
  let seen = Buffer.alloc(0);
  destination.on('data', (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    destination.emit('news');
  });
  return {
    world,
    wire,
    destination,
    seen: () => seen,
    async until(length: number) {
      while (seen.length < length) await once(destination, 'news');
    },
    /** Begins to revoke: what is cut is cut when this returns. */
    revoke: () => void world.exeat.sidecar.tasks.revoke(world.task.id, 'operator'),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('a message that is under way to the destination at a revoke never becomes whole', async () => {
  await using bare = await startBare();
  // The first half of a masked message of eight octets.
  bare.wire.send(`\x81\x88${'\0'.repeat(4)}dele`);
  await bare.until(10);
  bare.revoke();
  bare.wire.send('te()');
  await once(bare.destination, 'end');
  assert.equal(bare.seen().toString('latin1'), `\x81\x88${'\0'.repeat(4)}dele`);
  assert.ok((await bare.wire.closed()).endsWith(`\r\n\r\n${revoked}`));
});

test('a message that is under way to the client at a revoke may come to its end, so that the client can be told why; nothing after it does', async () => {
  await using bare = await startBare();
  bare.destination.write(Buffer.from('\x81\x08half', 'latin1'));
  await bare.wire.until(/half$/);
  bare.revoke();
  bare.destination.write(Buffer.from('-way\x81\x04more', 'latin1'));
  assert.ok((await bare.wire.closed()).endsWith(`\r\n\r\n\x81\x08half-way${revoked}`));
});

test('a long message to the client is broken off at a revoke', async () => {
  await using bare = await startBare();
  bare.destination.write(Buffer.from('\x81\x7f\0\0\0\0\x40\0\0\0begun', 'latin1'));
  await bare.wire.until(/begun$/);
  bare.revoke();
  bare.destination.write('more');
  assert.match(await bare.wire.closed(), /begun$/);
});

test('a side that has been sent its Close and does not close is disconnected after a second', async () => {
  await using bare = await startBare();
  const begun = Date.now();
  bare.revoke();
  await bare.world.exeat.events({ kind: 'call' });
  assert(Date.now() - begun > 900, `${Date.now() - begun} ms`);
  assert.equal(bare.seen().length, 8, 'a masked Close without a reason');
});

test('a WebSocket whose end has begun already is left to it by a revoke', async () => {
  await using bare = await startBare();
  bare.destination.write(Buffer.from('\x88\x02\x03\xe8', 'latin1'));
  await bare.wire.until(/\xe8$/);
  bare.revoke();
  assert.ok((await bare.wire.closed()).endsWith('\r\n\r\n\x88\x02\x03\xe8'));
});
