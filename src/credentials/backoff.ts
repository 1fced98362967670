/** Remembers who failed and when to ask again: exponential, with jitter, never sooner than the peer asked for. */
export interface Backoff {
  /** Whole seconds to wait; undefined = go. Going takes the turn after a failure: until it is settled everyone else waits. */
  enter(keys: readonly string[]): number | undefined;
  /** Gives the turn back: nobody was asked. */
  leave(keys: readonly string[]): void;
  /** `since`: when the failed attempt began; attempts that ran side by side count as one failure. Returns the seconds to wait. */
  failed(key: string, since: number, retryAfterS?: number): number;
  succeeded(key: string): void;
}

export interface BackoffOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** How long one attempt may take. */
  readonly turnMs: number;
  readonly now: () => number;
}

interface Failure {
  readonly times: number;
  readonly until: number;
  readonly failedAt: number;
}

const longestRetryAfterS = 3600;
/** Peers and tasks are few; this only bounds what an odd configuration could do. */
const mostKeys = 10_000;

export function createBackoff({ firstMs, longestMs, turnMs, now }: BackoffOptions): Backoff {
  const failures = new Map<string, Failure>();
  const setUntil = (keys: readonly string[], until: number): void => {
    for (const key of keys) {
      const failure = failures.get(key);
      if (failure !== undefined) failures.set(key, { ...failure, until });
    }
  };
  return {
    enter(keys) {
      const failed = keys.filter((key) => failures.has(key));
      const waitMs = Math.max(0, ...failed.map((key) => (failures.get(key)?.until ?? 0) - now()));
      if (waitMs > 0) return Math.ceil(waitMs / 1000);
      setUntil(failed, now() + turnMs);
      return undefined;
    },
    leave: (keys) => setUntil(keys, now()),
    failed(key, since, retryAfterS = 0) {
      const before = failures.get(key);
      const beside = before !== undefined && before.failedAt >= since;
      const times = (before?.times ?? 0) + (beside ? 0 : 1);
      const pause = pauseMs(times, firstMs, longestMs);
      const wait = Math.max(pause, Math.min(retryAfterS, longestRetryAfterS) * 1000, beside ? before.until - now() : 0);
      if (failures.size >= mostKeys) failures.clear();
      failures.set(key, { times, until: now() + wait, failedAt: now() });
      return Math.ceil(wait / 1000);
    },
    succeeded: (key) => void failures.delete(key),
  };
}

/** Pause after the n-th failure: doubles each time up to the longest; the upper half of it is chance. */
export function pauseMs(times: number, firstMs: number, longestMs: number): number {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(times - 1, 30));
  return full / 2 + (Math.random() * full) / 2;
}
