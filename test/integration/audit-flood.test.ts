import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

const denyWrites = '@id("read") permit (principal, action == Action::"GET", resource);';

/** As many requests as told, one after the other on one connection; answers with how many came back. */
async function pour(exeat: TestSidecar, head: string, times: number): Promise<number> {
  await using wire = await openWire(exeat.proxy);
  for (let i = 1; i < times; i += 1) wire.send(`${head}\r\n`);
  wire.send(`${head}Connection: close\r\n\r\n`);
  return (await wire.closed()).split('HTTP/1.1 403').length - 1;
}

test('refusals of a task beyond fifty a second are summed, while it runs and after its end: none is lost and the log does not fail', async () => {
  await using origin = await startOrigin();
  // Room for a few hundred whole events, which must do for ten thousand.
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, policy: denyWrites, audit: { queue: '512KiB' } });
  const { id, authorization } = exeat.open();
  const head = `POST ${origin.url}/${'x'.repeat(8000)} HTTP/1.1\r\nHost: ${origin.host}\r\nProxy-Authorization: ${authorization}\r\nContent-Length: 0\r\n`;
  const flood = () => Promise.all(Array.from({ length: 4 }, () => pour(exeat, head, 300)));
  assert.deepEqual(await flood(), [300, 300, 300, 300]);
  await exeat.sidecar.tasks.revoke(id, 'operator');
  assert.deepEqual(await flood(), [300, 300, 300, 300]);
  await exeat.sidecar[Symbol.asyncDispose]();

  const events = exeat.allEvents().filter(({ task }) => task === id);
  const whole = events.filter(({ kind }) => kind === 'call');
  const sums = events.filter(({ kind }) => kind === 'call.refused');
  const seconds = new Set(events.map(({ time }) => Math.floor(Number(time) / 1000))).size;
  assert.ok(whole.length >= 50 && whole.length <= 50 * (seconds + 1), `${whole.length} whole events in ${seconds} s`);
  assert.equal(
    sums.reduce((sum, { count }) => sum + Number(count), whole.length),
    2400,
  );
  const codes = new Set(sums.flatMap((event) => Object.keys(event['codes'] as object)));
  assert.deepEqual(codes, new Set(['policy_denied', 'task_revoked']));
  assert.deepEqual(
    exeat.allEvents().filter(({ kind }) => kind === 'gap'),
    [],
  );
});

test('what an agent can make long is cut in its event, with a keyed digest of the whole', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
  const { id, authorization } = exeat.open();
  const fields = `Host: ${origin.host}\r\nProxy-Authorization: ${authorization}\r\n\r\n`;
  const paths = [`/${'x'.repeat(7000)}`, `/${'x'.repeat(7000)}y`, '/short'];
  const names = Array.from({ length: 1000 }, (_, index) => `n${index}`);
  await using wire = await openWire(exeat.proxy);
  for (const path of paths) wire.send(`GET ${origin.url}${path}?${names.map((name) => `${name}=1`).join('&')} HTTP/1.1\r\n${fields}`);
  const events = await exeat.events({ kind: 'call', task: id }, 3);
  assert.deepEqual(
    origin.seen.map(({ url }) => url.split('?')[0]),
    paths,
  );
  const [long, longer, short] = events.map(({ path, operation }) => ({ path: String(path), operation: String(operation) }));
  assert.deepEqual(short, { path: '/short', operation: 'api read /short' });
  assert.match(String(long?.path), /^\/x{1023}…[\w-]{22}$/);
  assert.match(String(long?.operation), /^api read \/x{1014}…[\w-]{22}$/);
  assert.notEqual(long?.path, longer?.path);
  for (const event of events) {
    const query = event['query'] as string[];
    assert.deepEqual([query[0], query.at(-1)], ['n0', '…']);
    assert.ok(JSON.stringify(event).length < 5000);
  }
});
