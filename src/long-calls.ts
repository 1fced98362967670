import { CallRecord, type CallLog } from './call-record.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { TaskGate } from './tasks/task.ts';

/** Streams and long transfers; an ordinary call is over by then and has its final event alone. */
const longMs = 1000;
const sweepMs = 500;

/**
 * Writes `call.started` for each call that proves long, whatever makes it so, for a killed process leaves no final event. One timer goes through what
 * runs: a call costs nothing for it. In strict mode every call has that event before it leaves.
 */
export function watchLongCalls(tasks: Pick<TaskGate, 'running'>, to: { log: CallLog; fingerprint: Fingerprint }): Disposable {
  if (to.log.sink.durability === 'strict') return { [Symbol.dispose]: () => {} };
  const timer = setInterval(() => {
    const before = Date.now() - longMs;
    for (const record of tasks.running()) {
      if (record instanceof CallRecord && record.call.receivedAt <= before) void record.tellStarted(to.log, to.fingerprint);
    }
  }, sweepMs).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
