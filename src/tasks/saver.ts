const everyMs = 2000;

/** Writes that must not stop what they record: done at once or soon, and repeated until the disk takes them. */
export interface Saver<K> {
  /** False: there was no room for a note either, and a restart would not know of it. */
  now(key: K): boolean;
  /** Within 2 s. Cheap: asked on every call. */
  soon(key: K): void;
  /** Tries what is left once more. */
  close(): void;
}

export interface SaverOptions<K> {
  /** Durable when it returns, or throws. */
  readonly write: (key: K) => void;
  /** Where that fails: writes, where it takes access away, the least that has to outlive the process. False: it gives access. */
  readonly note: (key: K) => boolean;
}

export function createSaver<K>({ write, note }: SaverOptions<K>): Saver<K> {
  const waiting = new Set<K>();
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    timer = undefined;
    for (const key of waiting) attempt(key);
    if (waiting.size > 0) arm();
  }

  function attempt(key: K): void {
    try {
      write(key);
      waiting.delete(key);
    } catch {
      waiting.add(key);
    }
  }

  function noted(key: K): boolean {
    try {
      return note(key);
    } catch {
      return false;
    }
  }

  function arm(): void {
    timer ??= setTimeout(flush, everyMs).unref();
  }

  return {
    now(key) {
      attempt(key);
      if (!waiting.has(key)) return true;
      arm();
      return noted(key);
    },
    soon(key) {
      if (waiting.has(key)) return;
      waiting.add(key);
      arm();
    },
    close() {
      clearTimeout(timer);
      for (const key of waiting) attempt(key);
    },
  };
}
