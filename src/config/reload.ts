import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** How a reload went; `reason` is for operators and may be shown to them. */
export type ReloadResult = { readonly reloaded: true } | { readonly reloaded: false; readonly reason: string };

/** The three steps of a reload. Everything that can fail is in the first two. */
export interface ReloadSteps<Input, Graph> {
  /** Reads and checks. */
  load(): Input | Promise<Input>;
  /** Makes the new graph whole, without touching the running one. */
  build(input: Input): Graph | Promise<Graph>;
  /** Puts the new graph in the running one's place, between calls. Must not fail. */
  swap(graph: Graph, input: Input): void;
  /** Told of each reload: to log and audit it. `cause`: `signal`, `operator`, `watch`. */
  report(result: ReloadResult, cause: string): void;
}

/** Reloads one after the other. */
export interface Reloader extends AsyncDisposable {
  /** Never rejects: a failure keeps the old graph and says why. Calls while one is waiting share that one. */
  reload(cause: string): Promise<ReloadResult>;
}

/** Builds whole, then swaps; whatever fails before the swap changes nothing. */
export function createReloader<Input, Graph>(steps: ReloadSteps<Input, Graph>): Reloader {
  let running: Promise<unknown> = Promise.resolve();
  let waiting: Promise<ReloadResult> | undefined;
  let closed = false;

  const once = async (cause: string): Promise<ReloadResult> => {
    waiting = undefined;
    if (closed) return { reloaded: false, reason: 'Exeat is shutting down' };
    const result = await attempt(steps);
    steps.report(result, cause);
    return result;
  };

  return {
    reload(cause) {
      // A reload that has not begun yet will read what this caller wants read.
      waiting ??= running.then(() => once(cause));
      running = waiting;
      return waiting;
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await running;
    },
  };
}

async function attempt<Input, Graph>(steps: ReloadSteps<Input, Graph>): Promise<ReloadResult> {
  try {
    const input = await steps.load();
    steps.swap(await steps.build(input), input);
    return { reloaded: true };
  } catch (error) {
    return { reloaded: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

export interface WatchOptions {
  /** Asked at each look, since a reload may name other files. Folders stand for what is directly in them. */
  readonly paths: () => readonly string[];
  /** Must not reject. */
  readonly onChange: () => Promise<unknown>;
  readonly intervalMs?: number;
}

/**
 * Looks at the files by their paths at an interval: a mounted ConfigMap swaps a symlink, which no inode watch sees. A change that was read half
 * written fails to load and is seen again when it is whole.
 */
export function watchFiles({ paths, onChange, intervalMs = 2000 }: WatchOptions): AsyncDisposable {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let looking = Promise.resolve();
  let known: string | undefined;

  const look = async (): Promise<void> => {
    const seen = await signatureOf(paths());
    if (closed) return;
    const changed = known !== undefined && seen !== known;
    // What was seen before the reading: a change during it is found at the next look.
    known = seen;
    if (changed) await onChange();
  };
  const schedule = (): void => {
    timer = setTimeout(() => {
      looking = look().finally(() => {
        if (!closed) schedule();
      });
    }, intervalMs).unref();
  };
  looking = look();
  schedule();
  return {
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

async function signatureOf(paths: readonly string[]): Promise<string> {
  const parts = await Promise.all(paths.map(signatureOfOne));
  return parts.flat().join('\n');
}

async function signatureOfOne(path: string): Promise<string[]> {
  try {
    const found = await stat(path, { bigint: true });
    const own = `${path} ${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`;
    if (!found.isDirectory()) return [own];
    const names = await readdir(path);
    const inside = await Promise.all(
      names
        .sort()
        .map((name) => stat(join(path, name), { bigint: true }).then((entry) => `${name} ${entry.ino} ${entry.size} ${entry.mtimeNs}`)),
    );
    return [own, ...inside];
  } catch {
    return [`${path} -`];
  }
}
