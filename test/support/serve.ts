import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { configOf, permitAll, type TestConfig } from './sidecar.ts';

/** `exeat serve` as a process of its own, on ports of its own, in a folder that is removed at the end unless it was given. */
export interface ServedSidecar extends AsyncDisposable {
  readonly sidecar: { readonly proxy: string; readonly control: string; readonly health: string };
  readonly folder: string;
  /** All that it has printed. */
  readonly output: () => string;
  /** The first match in what is printed from now on. */
  next(pattern: RegExp): Promise<string>;
  signal(name: NodeJS.Signals): void;
  /** Writes other parts of the config; a string is the whole text of the file. */
  rewrite(next: Partial<TestConfig> | string): void;
  /** Ends it in the ordinary way and answers with its exit code. */
  stop(): Promise<number | null>;
  /** Ends it without leave. */
  kill(): Promise<void>;
}

const main = new URL('../../src/main.ts', import.meta.url).pathname;
const patienceMs = 20_000;

/** `openFiles`: how many files the process may have open. */
export async function startServe(
  given: TestConfig,
  env: Readonly<Record<string, string>> = {},
  openFiles: number | 'unlimited' = 'unlimited',
): Promise<ServedSidecar> {
  await using opened = new AsyncDisposableStack();
  const folder = given.folder ?? opened.use(mkdtempDisposableSync(join(tmpdir(), 'exeat-serve-'))).path;
  const file = join(folder, 'exeat.yaml');
  mkdirSync(join(folder, 'policies'), { recursive: true });
  let current = given;
  const write = (next: Partial<TestConfig> | string): void => {
    if (typeof next !== 'string') current = { ...current, ...next };
    writeFileSync(join(folder, 'policies/test.cedar'), current.policy ?? permitAll);
    writeFileSync(file, typeof next === 'string' ? next : stringify(configOf(current, folder)));
  };
  write({});
  const limit = openFiles === 'unlimited' ? '' : `ulimit -n ${openFiles}; `;
  const child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, main, 'serve', '--config', file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      child.emit('news');
    });
  }
  child.on('exit', () => child.emit('news'));

  async function next(pattern: RegExp, from = text.length): Promise<string> {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const found = pattern.exec(text.slice(from))?.[0];
      if (found !== undefined) return found;
      if (child.exitCode !== null || signal.aborted) throw new Error(`exeat serve did not print ${String(pattern)}, but:\n${text}`);
      await once(child, 'news', { signal }).catch(() => undefined);
    }
  }

  async function stop(): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await exited;
    }
    return child.exitCode;
  }

  opened.defer(async () => void (await stop()));
  const ready = await next(/^\{.*"msg":"ready".*\}$/m, 0);
  const all = opened.move();
  return {
    sidecar: JSON.parse(ready) as ServedSidecar['sidecar'],
    folder,
    output: () => text,
    next,
    signal: (name) => void child.kill(name),
    rewrite: write,
    stop,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
