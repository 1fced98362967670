/** Calls of one task. Counted in memory and reserved on disk in blocks, so a crash may lose calls but never gives one back. */
export interface CallBudget {
  /** Infinity = no budget. */
  readonly limit: number;
  readonly used: number;
  readonly left: number;
  /** Uses one call. Ask `left` first. Throws, with nothing used, when the reservation cannot be written. */
  take(): void;
  /** Nothing can be taken, and nothing is written, afterwards. */
  close(): void;
}

export interface BudgetOptions {
  readonly limit: number;
  /** The mark found on disk: all of it counts as used. */
  readonly reserved: number;
  /** Durable when it returns. */
  readonly save: (reserved: number) => void;
}

/** A block is a sixteenth of the budget and 4,096 calls at most: what a crash can cost, and how rarely a call has to wait for the disk. */
export function createCallBudget(options: BudgetOptions): CallBudget {
  const { limit, save } = options;
  const block = blockOf(limit);
  let { reserved } = options;
  let used = reserved;
  let ahead: NodeJS.Immediate | undefined;
  let closed = false;

  function reserve(): void {
    const mark = Math.min(limit, reserved + block);
    save(mark);
    reserved = mark;
  }

  /** Between calls rather than within one. What fails here is tried again, and told, by the call that needs it. */
  function reserveAhead(): void {
    ahead = undefined;
    try {
      reserve();
    } catch {}
  }

  return {
    limit,
    get used() {
      return used;
    },
    get left() {
      return closed ? 0 : limit - used;
    },
    take() {
      if (closed || used >= limit) throw new RangeError('the budget is spent');
      if (limit !== Number.POSITIVE_INFINITY) {
        if (used >= reserved) reserve();
        if (ahead === undefined && reserved < limit && reserved - used <= block / 2) ahead = setImmediate(reserveAhead);
      }
      used += 1;
    },
    close() {
      closed = true;
      clearImmediate(ahead);
    },
  };
}

/** How many calls are reserved at a time. */
export function blockOf(limit: number): number {
  return Math.min(4096, Math.max(1, Math.ceil(limit / 16)));
}
