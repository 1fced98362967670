import { setTimeout as pause } from 'node:timers/promises';
import type { ErrorCode } from './errors.ts';
import type { TaskControl } from './tasks/task.ts';

interface Calls {
  running(): readonly { cut(code: ErrorCode): void }[];
}

/** Longer than a call takes to end once it is cut. */
const endMs = 2000;

/** Cuts what still runs because the sidecar shuts down, and waits until it has ended. */
export function cutCalls(calls: Calls): Promise<void> {
  for (const call of calls.running()) call.cut('shutting_down');
  return callsToEnd(calls);
}

/** What was cut may take its time, and has a final event to leave. */
export async function callsToEnd(calls: Calls): Promise<void> {
  const deadline = Date.now() + endMs;
  while (calls.running().length > 0 && Date.now() < deadline) await pause(10);
}

/** Revokes what was issued to tasks that go on at the next start. */
export async function revokeAlive(tasks: Pick<TaskControl, 'list'>, broker: { revokeTask(id: string): Promise<unknown> }): Promise<void> {
  const alive = tasks.list().filter(({ state }) => state === 'open' || state === 'paused');
  await Promise.allSettled(alive.map(({ id }) => broker.revokeTask(id)));
}
