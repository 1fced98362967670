/** Upper bounds of the buckets. */
export const boundsMs: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

/** How long things took. */
export interface Histogram {
  /** How many were within each bound and beyond the one before. */
  readonly buckets: readonly number[];
  readonly count: number;
  readonly sumMs: number;
}

export function createHistogram(): Histogram & { add(durationMs: number): void } {
  const buckets = boundsMs.map(() => 0);
  const sums = { count: 0, sumMs: 0 };
  return {
    buckets,
    get count() {
      return sums.count;
    },
    get sumMs() {
      return sums.sumMs;
    },
    add(durationMs) {
      sums.count += 1;
      sums.sumMs += durationMs;
      const index = boundsMs.findIndex((bound) => durationMs <= bound);
      if (index !== -1) buckets[index] = (buckets[index] ?? 0) + 1;
    },
  };
}
