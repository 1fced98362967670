import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

export interface ProgramOptions {
  /** The whole environment; this process's own unless given. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A file for its standard input; none unless given. */
  readonly input?: string;
  /** How long it may take to print what is waited for, or to end. */
  readonly patienceMs?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real process of somebody's program. Disposing of it ends it. */
export interface Program extends AsyncDisposable {
  /** The first match in what it has printed, on either stream, by now or later. Fails when it ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  ended(): Promise<Ended>;
}

const killAfterMs = 10_000;

export function start(command: string, argv: readonly string[], options: ProgramOptions = {}): Program {
  const { env, cwd, input, patienceMs = 60_000 } = options;
  const child = spawn(command, argv, {
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  let failure: Error | undefined;
  let over = false;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      printed[name] += chunk;
      child.emit('news');
    });
  }
  child.on('error', (error) => {
    failure = error;
  });
  child.on('close', () => {
    over = true;
    child.emit('news');
  });
  // A program that ends early leaves its input unread; what it says about that is what counts.
  if (input !== undefined && child.stdin !== null) pipeline(createReadStream(input), child.stdin).catch(() => {});
  const story = () => `${[command, ...argv].join(' ')}\n${printed.stdout.slice(-4000)}\n${printed.stderr.slice(-4000)}`;

  async function wait<T>(find: () => T | undefined, what: string): Promise<T> {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (failure !== undefined) throw failure;
      if (over || signal.aborted) throw new Error(`${over ? 'it ended' : 'time was over'} before ${what}: ${story()}`);
      await once(child, 'news', { signal }).catch(() => undefined);
    }
  }

  return {
    until: (pattern) => wait(() => pattern.exec(printed.stdout) ?? pattern.exec(printed.stderr) ?? undefined, `it printed ${pattern}`),
    ended: () => wait(() => (over ? { code: child.exitCode, ...printed } : undefined), 'its end'),
    async [Symbol.asyncDispose]() {
      if (over || failure !== undefined) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      if (!over) await once(child, 'close');
      clearTimeout(timer);
    },
  };
}

/** Runs a program to its end; fails with what it printed unless it ends well. */
export async function execute(command: string, argv: readonly string[], options: ProgramOptions = {}): Promise<string> {
  await using program = start(command, argv, options);
  const { code, stdout, stderr } = await program.ended();
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${argv.join(' ')}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`);
  return stdout;
}
