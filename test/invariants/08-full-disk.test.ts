import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOnSmallDisk } from '../support/small-disk.ts';

test('what ends or pauses a task on a full disk outlives the process that is killed then', () => {
  assert.deepEqual(runOnSmallDisk(new URL('../support/full-disk-kill.ts', import.meta.url)), {
    before: [200, 200, 200],
    reports: [
      ['revoked', true],
      ['completed', true],
      ['paused', true],
    ],
    after: [
      ['revoked', 'operator', 'task_revoked'],
      ['completed', 'operator', 'task_completed'],
      ['paused', null, 'task_paused'],
    ],
    opened: 'self_declared_refused',
  });
});
