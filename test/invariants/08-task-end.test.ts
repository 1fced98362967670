import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlOf } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestConfig } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

/** A stream that is running in a task, and an origin that never ends it. */
async function streaming(more: Partial<TestConfig> = {}, version = '1.1') {
  const closed = Promise.withResolvers<void>();
  const origin = await startOrigin((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: one\n\n');
    response.on('close', () => closed.resolve());
  });
  const exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, ...more });
  const { id, authorization } = exeat.open('work', more.tasks === undefined ? {} : { ttlMs: 300 });
  const head = `GET ${origin.url}/events HTTP/${version}\r\nHost: ${origin.host}\r\nProxy-Authorization: ${authorization}\r\n\r\n`;
  const wire = await openWire(exeat.proxy);
  wire.send(head);
  await wire.until(/data: one/);
  return {
    origin,
    exeat,
    id,
    head,
    wire,
    closedAtOrigin: closed.promise,
    async [Symbol.asyncDispose]() {
      await wire[Symbol.asyncDispose]();
      await exeat[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

for (const [how, code] of [
  ['revoke', 'task_revoked'],
  ['complete', 'task_completed'],
] as const) {
  test(`after ${how} none of the task's calls start, and its streams are cut on both sides`, async () => {
    await using w = await streaming();
    const before = Date.now();
    const { status } = await controlOf(w.exeat, 'orchestrator')('POST', `/v1/tasks/${w.id}/${how}`);
    assert.equal(status, 200);
    const text = await w.wire.closed();
    await w.closedAtOrigin;
    assert.doesNotMatch(text, /\r\n0\r\n\r\n$/, 'the client must not take the stream for complete');
    // The drain of the test sidecar is 200 ms; a revoke does not wait for it.
    const tookMs = Date.now() - before;
    assert(how === 'revoke' ? tookMs < 190 : tookMs >= 195, `${tookMs} ms`);
    const [event] = await w.exeat.events({ kind: 'call' });
    assert.deepEqual([event?.['task'], event?.['code']], [w.id, code]);
    await using next = await openWire(w.exeat.proxy);
    next.send(w.head);
    assert.match(await next.until(/\}/), new RegExp(`^HTTP/1.1 403 [^]*"code":"${code}"`));
    assert.equal(w.origin.seen.length, 1);
  });
}

test('a task that expires while a stream runs cuts it without being asked', async () => {
  await using w = await streaming({ tasks: { drain: '1h' } });
  await w.wire.closed();
  await w.closedAtOrigin;
  const [event] = await w.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'task_expired');
  const [expired] = await w.exeat.events({ kind: 'task.expired' });
  assert.equal(expired?.['by'], 'ttl');
});

test('a call that ends within the drain is not cut', async () => {
  const finish: (() => void)[] = [];
  await using origin = await startOrigin((_request, response) => {
    response.writeHead(200, { 'content-length': '2' });
    response.write('a');
    finish.push(() => response.end('b'));
  });
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, tasks: { drain: '3s' } });
  const { id, authorization } = exeat.open();
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET ${origin.url}/ HTTP/1.1\r\nHost: ${origin.host}\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
  await wire.until(/\r\n\r\na$/);
  const completing = exeat.sidecar.tasks.complete(id, 'orchestrator');
  finish[0]?.();
  await wire.until(/\r\n\r\nab$/);
  const begun = Date.now();
  await completing;
  assert(Date.now() - begun < 1000, 'the drain ends with the last call');
  const [event] = await exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], undefined);
});

test('a client of HTTP/1.0, to which the end of the connection is the end of the answer, is told by a reset that it was cut', async () => {
  await using w = await streaming({}, '1.0');
  void w.exeat.sidecar.tasks.revoke(w.id, 'operator');
  await assert.rejects(w.wire.closed(), { code: 'ECONNRESET' });
});
