const everyMs = 2000;

/** Writes that must not stop what they record: done at once or soon, and repeated until the disk takes them. */
export interface Saver<K> {
  now(key: K): void;
  /** Within 2 s. Cheap: asked on every call. */
  soon(key: K): void;
  /** Tries what is left once more. */
  close(): void;
}

/** `write` is durable when it returns, or throws. */
export function createSaver<K>(write: (key: K) => void): Saver<K> {
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

  function arm(): void {
    timer ??= setTimeout(flush, everyMs).unref();
  }

  return {
    now(key) {
      attempt(key);
      if (waiting.has(key)) arm();
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
