/** At most so many a minute, in windows that follow each other. */
export interface RateLimit {
  /** Whole seconds to wait; undefined = go on, and one is used. */
  take(): number | undefined;
}

const minuteMs = 60_000;

export function createRateLimit(perMinute: number, clock: () => number = Date.now): RateLimit {
  let since = Number.NEGATIVE_INFINITY;
  let used = 0;
  return {
    take() {
      const now = clock();
      if (now - since >= minuteMs || now < since) [since, used] = [now, 0];
      if (used >= perMinute) return Math.ceil((since + minuteMs - now) / 1000);
      used += 1;
      return undefined;
    },
  };
}
