/** Anything but calls that a budget counts, in whole units. Reserved on disk ahead of use, so a crash may lose some but never gives any back. */
export interface Meter {
  readonly limit: number;
  readonly used: number;
  readonly left: number;
  /** Uses an amount. Ask `left` first. Throws, with nothing used, when the reservation cannot be written. */
  take(amount: number): void;
  /** What was taken proved to be `actual`; more than that is used too, if it goes beyond the limit. */
  settle(taken: number, actual: number): void;
  /** The exact count, written down. */
  close(): void;
}

export interface MeterOptions {
  readonly limit: number;
  /** The mark found on disk: all of it counts as used. */
  readonly reserved: number;
  /** Durable when it returns. */
  readonly save: (mark: number) => void;
}

export function createMeter({ limit, reserved: found, save }: MeterOptions): Meter {
  const block = Math.max(1, Math.ceil(limit / 16));
  let reserved = found;
  let used = found;

  function reserveFor(amount: number): void {
    if (amount <= reserved) return;
    const mark = Math.max(amount, Math.min(limit, amount + block));
    save(mark);
    reserved = mark;
  }

  return {
    limit,
    get used() {
      return used;
    },
    get left() {
      return Math.max(0, limit - used);
    },
    take(amount) {
      reserveFor(used + amount);
      used += amount;
    },
    settle(taken, actual) {
      used = Math.max(0, used + actual - taken);
      // What cannot be written now is written with the next amount, or at the end.
      try {
        reserveFor(used);
      } catch {}
    },
    close() {
      if (used === reserved) return;
      save(used);
      reserved = used;
    },
  };
}
