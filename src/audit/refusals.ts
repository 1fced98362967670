import type { ErrorCode } from '../errors.ts';
import type { AuditSink } from './audit.ts';

/** Refusals that no task stands behind, summed into at most one event a second. */
export interface Refusals extends Disposable {
  count(code: ErrorCode): void;
}

const windowMs = 1000;

/** A timer runs only while something is counted; disposing writes what is left. */
export function createRefusals(sink: AuditSink): Refusals {
  let codes: Partial<Record<ErrorCode, number>> = {};
  let timer: NodeJS.Timeout | undefined;
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    const count = Object.values(codes).reduce((sum, each) => sum + each, 0);
    if (count === 0) return;
    sink.append({ kind: 'call.refused', count, codes })?.catch(() => undefined);
    codes = {};
  };
  return {
    count(code) {
      codes[code] = (codes[code] ?? 0) + 1;
      timer ??= setTimeout(write, windowMs).unref();
    },
    [Symbol.dispose]: write,
  };
}
