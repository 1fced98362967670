import type { ErrorCode } from '../errors.ts';
import type { AuditSink } from './audit.ts';

/** Refusals that have no event of their own: those without a task, and those of a task beyond so many a second. One event a second for each. */
export interface Refusals extends Disposable {
  /** True: it is in the sum. False: it is to have an event of its own. */
  sum(code: ErrorCode, task?: string): boolean;
}

const windowMs = 1000;
/** Events of their own in one window: of one task, and of all together, for an agent may hold the credentials of many. */
const mostOfTask = 50;
const mostOfAll = 200;

interface Counted {
  whole: number;
  summed: number;
  readonly codes: Partial<Record<ErrorCode, number>>;
}

/** Nobody can fill the disk with refusals, or push evidence out of it. A timer runs only while something is counted; disposing writes what is left. */
export function createRefusals(sink: AuditSink): Refusals {
  const counts = new Map<string | undefined, Counted>();
  let whole = 0;
  let timer: NodeJS.Timeout | undefined;

  function write(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const [task, { summed, codes }] of counts) {
      if (summed > 0)
        sink.append({ kind: 'call.refused', ...(task !== undefined && { task }), count: summed, codes })?.catch(() => undefined);
    }
    counts.clear();
    whole = 0;
  }

  return {
    sum(code, task) {
      timer ??= setTimeout(write, windowMs).unref();
      const counted = counts.get(task) ?? { whole: 0, summed: 0, codes: {} };
      counts.set(task, counted);
      if (task !== undefined && counted.whole < mostOfTask && whole < mostOfAll) {
        counted.whole += 1;
        whole += 1;
        return false;
      }
      counted.summed += 1;
      counted.codes[code] = (counted.codes[code] ?? 0) + 1;
      return true;
    },
    [Symbol.dispose]: write,
  };
}
