import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin, type Answer } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openWire, statuses } from '../support/wire.ts';

// Several requests on one connection, in one piece (RFC 9112 §9.3.2).

async function startWorld(answer?: Answer) {
  const stack = new AsyncDisposableStack();
  const origin = stack.use(await startOrigin(answer));
  const exeat = stack.use(await startTestSidecar({ destinations: { api: loopback(origin) } }));
  const task = exeat.open();
  const get = (path: string, ...fields: string[]) =>
    [`GET ${origin.url}${path} HTTP/1.1`, `Host: ${origin.host}`, `Proxy-Authorization: ${task.authorization}`, ...fields, '', ''].join(
      '\r\n',
    );
  return { origin, exeat, task, get, paths: () => origin.seen.map(({ url }) => url), [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** An origin whose answer to `/slow` waits for `release`. */
function slowOrigin() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const answer: Answer = (request, response) => {
    if (request.url === '/slow') void promise.then(() => response.end('slow'));
    else response.end(request.url === '/last' ? 'last' : 'quick');
  };
  return { answer, release: () => resolve() };
}

test('what is pipelined is carried out in its order, one after the other', async () => {
  const slow = slowOrigin();
  await using world = await startWorld(slow.answer);
  await using wire = await openWire(world.exeat.proxy);
  wire.send(world.get('/slow') + world.get('/2') + world.get('/3'));
  const other = { proxy: world.exeat.proxy, authorization: world.task.authorization };
  for (let tries = 0; tries < 20; tries += 1) assert.equal((await call(`${world.origin.url}/other`, other)).status, 200);
  assert.deepEqual(
    world.paths().filter((path) => path !== '/other'),
    ['/slow'],
  );
  slow.release();
  assert.deepEqual(statuses(await wire.until(/quick[^]*quick/)), [200, 200, 200]);
  assert.deepEqual(
    world.paths().filter((path) => path !== '/other'),
    ['/slow', '/2', '/3'],
  );
});

test('a client that pipelines without end is read no faster than it is answered, and takes no more than one call', async () => {
  const slow = slowOrigin();
  await using world = await startWorld(slow.answer);
  await using wire = await openWire(world.exeat.proxy);
  const behind = 5000;
  wire.send(world.get('/slow') + world.get('/q').repeat(behind) + world.get('/last'));
  const other = { proxy: world.exeat.proxy, authorization: world.task.authorization };
  for (let tries = 0; tries < 20; tries += 1) assert.equal((await call(`${world.origin.url}/other`, other)).status, 200);
  assert.equal(world.exeat.sidecar.tasks.report(world.task.id)?.calls.running, 1);
  slow.release();
  // Longer than a wire is patient, on a slow machine.
  while (!wire.received().endsWith('last')) await once(wire.socket, 'data');
  assert.equal(wire.received().match(/HTTP\/1\.1 200 /g)?.length, behind + 2);
});

test('when its connection is lost nothing of what is waiting on it begins', async () => {
  const slow = slowOrigin();
  await using world = await startWorld(slow.answer);
  {
    await using wire = await openWire(world.exeat.proxy);
    wire.send(world.get('/slow') + world.get('/2'));
    while (world.origin.seen.length === 0) await call(`${world.origin.url}/o`, { proxy: world.exeat.proxy, authorization: 'none' });
  }
  await world.exeat.events({ kind: 'call', code: 'client_gone' });
  slow.release();
  const { authorization } = world.task;
  assert.equal((await call(`${world.origin.url}/other`, { proxy: world.exeat.proxy, authorization })).status, 200);
  assert.deepEqual(world.paths(), ['/slow', '/other']);
});

for (const [what, bad] of [
  ['with two Host fields', ['Host: other.example']],
  ['with a doubled credential', ['Authorization: a', 'Authorization: b']],
  ['with a Connection that names one', ['Connection: authorization']],
] as const) {
  test(`nothing behind a request ${what} is read: the connection is closed after its answer`, async () => {
    await using world = await startWorld();
    await using wire = await openWire(world.exeat.proxy);
    wire.send(world.get('/1') + world.get('/2', ...bad) + world.get('/3') + world.get('/4'));
    assert.deepEqual(statuses(await wire.closed()), [200, 400]);
    assert.deepEqual(world.paths(), ['/1']);
  });
}

test('an upgrade that is not taken is a plain request, and the last one on its connection: what came in one piece with it is lost', async () => {
  await using world = await startWorld();
  await using wire = await openWire(world.exeat.proxy);
  wire.send(world.get('/1') + world.get('/2', 'Connection: Upgrade', 'Upgrade: foo') + world.get('/3'));
  const transcript = await wire.closed();
  assert.deepEqual(statuses(transcript), [200, 200]);
  assert.match(transcript, /\r\nconnection: close\r\n[^]*ok":true\}$/i);
  assert.deepEqual(world.paths(), ['/1', '/2']);
});
