import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openStream, startStreams } from '../support/streams.ts';

// Invariants 4 and 5: a call has its final event also when the log failed meanwhile; refusals are counted, and a gap comes first.

test('a call that had begun before the log failed has its final event when it is back, behind the gap; what was refused is counted', async () => {
  await using origin = await startStreams();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
  const task = exeat.open();
  const go = async () => (await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: task.authorization })).code;
  const stream = await openStream(exeat, { origin, task, path: '/begun' });
  const file = join(exeat.folder, 'audit.ndjson');
  await exeat.events({ kind: 'task.opened' });
  unlinkSync(file);
  // It cannot be opened again while this stands there.
  mkdirSync(file);
  let forwarded = 0;
  while ((await go()) !== 'audit_unavailable') forwarded += 1;
  await stream[Symbol.asyncDispose]();
  for (let refused = 1; refused < 5; refused += 1) assert.equal(await go(), 'audit_unavailable');
  rmdirSync(file);
  await exeat.sidecar.reopenLogs();
  await exeat.sidecar[Symbol.asyncDispose]();

  const [begin, gap, ...events] = exeat.allEvents();
  assert.deepEqual([begin?.['at'], gap?.['kind']], ['begin', 'gap']);
  const calls = events.filter(({ kind }) => kind === 'call');
  assert.deepEqual(calls.map(({ path, code }) => [path, code]).at(-1), ['/begun', 'client_gone']);
  assert.equal(calls.length, forwarded + 1);
  const summed = events.filter(({ kind }) => kind === 'call.refused').map(({ count }) => Number(count));
  assert.equal(
    summed.reduce((sum, count) => sum + count, Number(gap?.['lost'])),
    5,
  );
});
