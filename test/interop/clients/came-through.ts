import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenTask, RunningSidecar } from '../support/exeat.ts';
import type { Door } from './doors.ts';

const batchMs = 50;
const patienceMs = 5000;

interface Expected {
  readonly task: Pick<OpenTask, 'id'>;
  readonly door: Pick<Door, 'audited'>;
}

/** The audit log has a task's calls, and all of them by this door: no client went past the sidecar, or in by another way. */
export async function assertCameThrough({ events }: Pick<RunningSidecar, 'events'>, { task, door }: Expected): Promise<void> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const doors = new Set(events().flatMap(({ kind, task: id, door: by }) => (kind === 'call' && id === task.id ? [by] : [])));
    if (doors.size > 0) return assert.deepEqual([...doors], [door.audited]);
    assert(Date.now() < until, 'the audit log has no call of this task');
    await delay(batchMs);
  }
}
