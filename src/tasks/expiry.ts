/** A clock may be set, and a laptop sleeps: no timer trusts the time to pass by itself for longer than this. */
const longestTimerMs = 15_000;

/** Ends tasks when their time is over. */
export interface Expiry {
  /** Other tasks are alive now. */
  changed(): void;
  /** Ends those whose time is over now. */
  due(): void;
  close(): void;
}

export interface ExpiryOptions<T> {
  readonly alive: () => readonly T[];
  readonly expire: (task: T) => void;
  readonly clock: () => number;
}

export function createExpiry<T extends { readonly expiresAt: number }>({ alive, expire, clock }: ExpiryOptions<T>): Expiry {
  let timer: NodeJS.Timeout | undefined;

  function changed(): void {
    clearTimeout(timer);
    const next = Math.min(...alive().map((task) => task.expiresAt));
    if (next === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(due, Math.min(longestTimerMs, Math.max(0, next - clock()))).unref();
  }

  function due(): void {
    const now = clock();
    for (const task of alive()) if (now >= task.expiresAt) expire(task);
    changed();
  }

  return { changed, due, close: () => clearTimeout(timer) };
}
