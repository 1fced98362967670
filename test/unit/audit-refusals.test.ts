import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { createRefusals } from '../../src/audit/refusals.ts';
import { auditFolder } from '../support/audit.ts';

test('refusals without a task become one event a second, however many there are', async () => {
  using log = auditFolder();
  const sink = await log.open();
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    using refusals = createRefusals(sink);
    for (let i = 0; i < 10_000; i += 1) refusals.count('task_credential_unknown');
    refusals.count('task_credential_missing');
    mock.timers.tick(1000);
    refusals.count('task_credential_missing');
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
