import { blockOf } from './budget.ts';

const minuteMs = 60_000;
/** A call counts for 60 minutes; a minute's calls are dropped together, once the last of them no longer counts. */
const keptMinutes = 61;

/** What is on disk: the calls by minute, and how many more may have been made since. */
export interface WindowRecord {
  readonly minutes: readonly (readonly [minute: number, calls: number])[];
  readonly ahead: number;
}

/** At most `limit` calls in any 60 minutes; survives a crash like a `CallBudget`. */
export interface CallWindow {
  left(): number;
  /** Uses one call. Ask `left` first. Throws, with nothing used, when the reservation cannot be written. */
  take(): void;
  /** Whole seconds until a call is possible again. */
  retryAfterS(): number;
  close(): void;
}

export interface WindowOptions {
  /** Asked each time: a reload may change it. */
  readonly limit: () => number;
  readonly saved: WindowRecord | undefined;
  readonly save: (record: WindowRecord) => void;
  readonly clock: () => number;
}

export function createCallWindow(options: WindowOptions): CallWindow {
  const { limit, saved, save, clock } = options;
  const minutes = new Map<number, number>(saved?.minutes);
  let total = (saved?.minutes ?? []).reduce((sum, [, calls]) => sum + calls, 0);
  let current = Math.max(0, ...minutes.keys());
  /** Calls that may still be made before the disk has to be asked. */
  let ahead = 0;
  let reserving: NodeJS.Immediate | undefined;

  roll();
  // What was reserved may have been used at any time until now; dating it now errs to the safe side.
  if (saved !== undefined && saved.ahead > 0) count(saved.ahead);

  function roll(): void {
    const minute = Math.floor(clock() / minuteMs);
    // A clock set back a little: what is counted stays as it is, and counts that much longer.
    if (minute <= current && minute > current - keptMinutes) return;
    if (minute < current) redate(minute);
    current = minute;
    for (const [at, calls] of minutes) {
      if (minute - at < keptMinutes) continue;
      minutes.delete(at);
      total -= calls;
    }
  }

  /** The clock had been far ahead: nothing may stay counted until it is there again. */
  function redate(minute: number): void {
    minutes.clear();
    if (total > 0) minutes.set(minute, total);
  }

  function count(calls: number): void {
    minutes.set(current, (minutes.get(current) ?? 0) + calls);
    total += calls;
  }

  function reserve(): void {
    const block = blockOf(limit());
    save({ minutes: [...minutes], ahead: block });
    ahead = block;
  }

  function reserveAhead(): void {
    reserving = undefined;
    try {
      reserve();
    } catch {}
  }

  return {
    left() {
      roll();
      return Math.max(0, limit() - total);
    },
    take() {
      roll();
      if (ahead === 0) reserve();
      ahead -= 1;
      count(1);
      if (reserving === undefined && ahead <= blockOf(limit()) / 2) reserving = setImmediate(reserveAhead);
    },
    retryAfterS() {
      roll();
      const oldest = Math.min(...minutes.keys());
      return minutes.size === 0 ? 0 : Math.max(1, Math.ceil(((oldest + keptMinutes) * minuteMs - clock()) / 1000));
    },
    close() {
      clearImmediate(reserving);
      if (ahead > 0) save({ minutes: [...minutes], ahead: 0 });
      ahead = 0;
    },
  };
}
