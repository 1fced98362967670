import { setTimeout as pause } from 'node:timers/promises';
import type { ErrorCode } from './errors.ts';

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
