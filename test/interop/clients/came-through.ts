import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../../../src/errors.ts';
import type { OpenTask, RunningSidecar } from '../support/exeat.ts';
import type { Door } from './doors.ts';

const batchMs = 50;
const patienceMs = 5000;
const unknown: ErrorCode = 'destination_unknown';

interface Expected {
  readonly task: Pick<OpenTask, 'id'>;
  readonly door: Pick<Door, 'audited'>;
  /** With which code one of them was refused, where that is to be seen. */
  readonly refused?: ErrorCode;
}

/**
 * The audit log has a task's calls, and all of them by this door: no client went past the sidecar, or in by another way. What a browser calls on its
 * own, at names that no destination has, was refused and is not looked at.
 */
export async function assertCameThrough({ events }: Pick<RunningSidecar, 'events'>, { task, door, refused }: Expected): Promise<void> {
  const until = Date.now() + patienceMs;
  for (;;) {
    const calls = events().filter(({ kind, task: id, code }) => kind === 'call' && id === task.id && code !== unknown);
    const isThere = refused === undefined ? calls.length > 0 : calls.some(({ code }) => code === refused);
    if (isThere) return assert.deepEqual([...new Set(calls.map(({ door: by }) => by))], [door.audited]);
    assert(Date.now() < until, `the audit log has no call of this task${refused === undefined ? '' : ` with ${refused}`}`);
    await delay(batchMs);
  }
}
