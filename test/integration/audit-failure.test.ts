import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { AuditEvent } from '../../src/audit/audit.ts';
import { openLog } from '../../src/audit/log.ts';
import { openSigningKey } from '../../src/audit/signing-key.ts';
import { auditFolder, someEvent } from '../support/audit.ts';
import { createFaultyDisk, type FaultyDisk } from '../support/faulty-disk.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-audit-'));
const key = openSigningKey(folder);
after(() => rmSync(folder, { recursive: true }));

const call: AuditEvent = {
  kind: 'call',
  call: 'call_1',
  door: 'forward',
  method: 'GET',
  request_bytes: 0,
  response_bytes: 0,
  received_at: 0,
  duration_ms: 0,
};

function eventsOn(disk: FaultyDisk): Record<string, unknown>[] {
  return disk.bytes
    .toString()
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((event) => event['kind'] !== 'checkpoint');
}

test('a failed log says so once, counts calls, keeps what ends access, and begins again with a gap', async () => {
  const disk = createFaultyDisk();
  const told: string[] = [];
  const options = { key, queueSize: 100_000, onFailure: () => told.push('failed'), onRecovered: () => told.push('recovered') };
  await using log = await openLog(disk, { durability: 'batched', ...options });
  disk.room = 0;
  void log.append(someEvent('queued before it was known'));
  await assert.rejects(log.flush(), { code: 'audit_unavailable' });
  assert.match(log.failure?.message ?? '', /no space left/);
  for (let i = 0; i < 3; i += 1) void log.append(call);
  void log.append({ kind: 'task.revoked', task: 'task_1' });
  disk.room = Infinity;
  await log.reopen();
  assert.equal(log.failure, undefined);
  assert.deepEqual(told, ['failed', 'recovered']);
  const [gap, queued, revoked, ...more] = eventsOn(disk);
  assert.deepEqual([gap?.['kind'], gap?.['reason'], gap?.['lost']], ['gap', 'write_failed', 3]);
  assert.equal(queued?.['detail'], 'queued before it was known');
  assert.equal(revoked?.['kind'], 'task.revoked');
  assert.deepEqual(more, []);
});

test('a failed log tries again by itself', async () => {
  const disk = createFaultyDisk();
  const back = Promise.withResolvers<void>();
  await using log = await openLog(disk, { durability: 'batched', key, queueSize: 100_000, onRecovered: back.resolve });
  disk.room = 10;
  void log.append(someEvent('one'));
  await log.flush().catch(() => undefined);
  assert.notEqual(log.failure, undefined);
  disk.room = Infinity;
  const alive = setTimeout(() => undefined, 5000);
  await back.promise;
  clearTimeout(alive);
  assert.equal(log.failure, undefined);
});

test('strict: an event that could not be written rejects, and one that nobody waits for does not end the process', async () => {
  const disk = createFaultyDisk();
  await using log = await openLog(disk, { durability: 'strict', key, queueSize: 100_000 });
  disk.room = 0;
  await assert.rejects(Promise.resolve(log.append(someEvent('one'))), { code: 'audit_unavailable' });
  void log.append({ kind: 'task.revoked', task: 'task_1' });
  await assert.rejects(Promise.resolve(log.append(call)), { code: 'audit_unavailable' });
  disk.room = Infinity;
});

test('strict: events that come together share one write to the disk', async () => {
  const disk = createFaultyDisk();
  await using log = await openLog(disk, { durability: 'strict', key, queueSize: 1_000_000 });
  await Promise.all(Array.from({ length: 500 }, async (_, i) => await log.append(someEvent(`${i}`))));
  assert.ok(disk.writes <= 2, `${disk.writes} writes`);
});

test('a disk that hangs fills the queue, which stops new calls and is a failure until it is written', async () => {
  const disk = createFaultyDisk();
  await using log = await openLog(disk, { durability: 'batched', key, queueSize: 2000 });
  const hold = Promise.withResolvers<void>();
  disk.held = hold.promise;
  for (let i = 0; i < 100; i += 1) void log.append(call);
  assert.match(log.failure?.message ?? '', /queue is full/);
  hold.resolve();
  await log.reopen();
  const calls = eventsOn(disk).filter(({ kind }) => kind === 'call').length;
  const gap = eventsOn(disk).find(({ kind }) => kind === 'gap');
  assert.equal(calls + Number(gap?.['lost']), 100);
  assert.ok(calls > 5);
});

test('what had begun when the queue was full, and what ends access, is told in full when the log is back', async () => {
  const disk = createFaultyDisk();
  await using log = await openLog(disk, { durability: 'batched', key, queueSize: 10_000 });
  const hold = Promise.withResolvers<void>();
  disk.held = hold.promise;
  const permitted = { ...call, decision: 'allow' } as const;
  let before = 0;
  for (; log.failure === undefined; before += 1) void log.append(permitted);
  assert.match(log.failure.message, /queue is full/);
  for (let i = 0; i < 5; i += 1) void log.append({ ...permitted, call: 'begun before' });
  for (let i = 0; i < 1000; i += 1) void log.append({ ...call, decision: 'deny', code: 'policy_denied' });
  void log.append({ kind: 'task.revoked', task: 'task_1' });
  hold.resolve();
  await log.reopen();
  const [gap, ...events] = eventsOn(disk);
  const told = events.filter(({ kind, call: id }) => kind === 'task.revoked' || id === 'begun before');
  assert.equal(told.length, 6);
  assert.equal(gap?.['kind'], 'gap');
  assert.equal(Number(gap['lost']) + events.length, before + 1006);
});

test('a disk that stays full makes the queue no longer: what finds no room is counted', async () => {
  const disk = createFaultyDisk();
  const queueSize = 5000;
  await using log = await openLog(disk, { durability: 'batched', key, queueSize });
  disk.room = 0;
  for (let attempt = 0; attempt < 20; attempt += 1) {
    for (let i = 0; i < 100; i += 1) void log.append({ kind: 'task.revoked', task: 'task_1' });
    await assert.rejects(log.reopen());
  }
  disk.room = Infinity;
  await log.reopen();
  const [gap, ...events] = eventsOn(disk);
  assert.equal(Number(gap?.['lost']) + events.length, 2000);
  assert.ok(events.length * JSON.stringify({ kind: 'task.revoked', task: 'task_1' }).length <= queueSize);
});

test('a write that fails gives back as many events as the queue holds', async () => {
  const disk = createFaultyDisk();
  await using log = await openLog(disk, { durability: 'batched', key, queueSize: 16 * 1024 ** 2 });
  disk.room = 0;
  for (let i = 0; i < 200_000; i += 1) void log.append({ kind: 'task.revoked' });
  await assert.rejects(log.flush());
  disk.room = Infinity;
  await log.reopen();
  assert.equal(disk.bytes.toString().split('"kind":"task.revoked"').length - 1, 200_000);
});

test('a log file that was deleted is noticed, begun anew with a gap, and nothing that was queued is lost', async () => {
  using log = auditFolder();
  {
    await using sink = await log.open();
    void sink.append(someEvent('one'));
    await sink.flush();
    unlinkSync(log.file);
    void sink.append(someEvent('two'));
    await assert.rejects(sink.flush(), /was deleted/);
    await sink.reopen();
  }
  assert.match(log.lines()[1] ?? '', /"kind":"gap","reason":"file_deleted"/);
  assert.match(log.lines()[2] ?? '', /"detail":"two"/);
  const report = await log.verify();
  assert.equal(report.problem, undefined);
  assert.ok(Number(report.first) > 1);
});

test('a file that was moved away while Exeat was down is continued from', async () => {
  using log = auditFolder();
  for (const detail of ['one', 'two']) {
    {
      await using sink = await log.open();
      void sink.append(someEvent(detail));
    }
    if (detail === 'one') renameSync(log.file, `${log.file}-20261124`);
  }
  const report = await log.verify();
  assert.deepEqual([report.problem, report.first, report.files.length, report.gaps.length], [undefined, 1, 2, 0]);
});
