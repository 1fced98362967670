import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { AuditEvent } from '../../src/audit/audit.ts';
import { createRefusals } from '../../src/audit/refusals.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { auditFolder } from '../support/audit.ts';
import { createMemoryAudit } from '../support/broker.ts';

test('refusals without a task become one event a second, however many there are', async () => {
  using log = auditFolder();
  const sink = await log.open();
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    using refusals = createRefusals(sink);
    for (let i = 0; i < 10_000; i += 1) assert.equal(refusals.sum('task_credential_unknown'), true);
    refusals.sum('task_credential_missing');
    mock.timers.tick(1000);
    refusals.sum('task_credential_missing');
  } finally {
    mock.timers.reset();
  }
  await sink[Symbol.asyncDispose]();
  const events = log
    .lines()
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ kind }) => kind === 'call.refused');
  assert.deepEqual(
    events.map(({ count, codes }) => ({ count, codes })),
    [
      { count: 10_001, codes: { task_credential_unknown: 10_000, task_credential_missing: 1 } },
      { count: 1, codes: { task_credential_missing: 1 } },
    ],
  );
});

test('of one task fifty refusals a second have events of their own; the rest is one event with task, codes and count', () => {
  const sink = createMemoryAudit();
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    using refusals = createRefusals(sink);
    const whole = (code: ErrorCode, task: string, times: number) =>
      Array.from({ length: times }, () => refusals.sum(code, task)).filter((summed) => !summed).length;
    assert.equal(whole('policy_denied', 'task_1', 120), 50);
    assert.equal(whole('task_revoked', 'task_1', 5), 0);
    assert.equal(whole('policy_denied', 'task_2', 10), 10);
    mock.timers.tick(1000);
    const summed: AuditEvent = { kind: 'call.refused', task: 'task_1', count: 75, codes: { policy_denied: 70, task_revoked: 5 } };
    assert.deepEqual(sink.events, [summed]);
    assert.equal(whole('policy_denied', 'task_1', 10), 10);
    mock.timers.tick(1000);
    assert.deepEqual(sink.events, [summed], 'nothing was summed in this second');
  } finally {
    mock.timers.reset();
  }
});

test('whoever holds the credentials of many tasks has two hundred such events a second in all', () => {
  const sink = createMemoryAudit();
  let whole = 0;
  {
    using refusals = createRefusals(sink);
    for (let task = 0; task < 1000; task += 1) for (let i = 0; i < 3; i += 1) whole += refusals.sum('task_expired', `task_${task}`) ? 0 : 1;
  }
  assert.equal(whole, 200);
  const sums = sink.events.map((event) => (event.kind === 'call.refused' ? event.count : 0));
  assert.equal(
    sums.reduce((sum, count) => sum + count, whole),
    3000,
  );
});
