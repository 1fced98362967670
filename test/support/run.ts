import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { configOf, permitAll, type TestConfig } from './sidecar.ts';

/** How a run ended, and what it printed. */
export interface RunEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A run that goes on. */
export interface Running {
  readonly process: ChildProcess;
  /** Writes to the command, or ends its input. */
  send(line: string | undefined): void;
  /** The next line that the command writes. */
  line(): Promise<string>;
  ended(): Promise<RunEnd>;
}

export interface RunOptions {
  readonly options?: readonly string[];
  /** Beside PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  /** Also what is in front of it, as in a pipeline of programs. */
  readonly launcher?: readonly string[];
  /** A group of processes of its own. */
  readonly group?: boolean;
}

/** A configuration in a folder of its own, and `exeat run` with it. */
export interface RunFixture extends AsyncDisposable {
  readonly folder: string;
  readonly file: string;
  start(command: readonly string[], options?: RunOptions): Running;
  run(command: readonly string[], options?: RunOptions): Promise<RunEnd>;
  /** Audit events of all runs, in order, that match. */
  events(match?: Readonly<Record<string, unknown>>): Record<string, unknown>[];
  /** Runs that something is left of to end. */
  unfinished(): string[];
}

export const main = new URL('../../src/main.ts', import.meta.url).pathname;
export const node = process.execPath;

export function runFixture(given: TestConfig & { readonly tls?: object }): RunFixture {
  const folder = mkdtempSync(join(tmpdir(), 'exeat-run-'));
  const file = join(folder, 'exeat.yaml');
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies/test.cedar'), given.policy ?? permitAll);
  writeFileSync(file, stringify({ ...configOf(given, folder), tls: given.tls ?? {} }));
  const started: ChildProcess[] = [];

  function start(command: readonly string[], { options = [], env = {}, launcher = [], group = false }: RunOptions = {}): Running {
    const [program = '', ...args] = [...launcher, node, main, 'run', '--config', file, ...options, '--', ...command];
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], HOME: folder, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: group,
    });
    started.push(child);
    const err = text(child.stderr);
    const exited = once(child, 'exit') as Promise<[number | null]>;
    let out = '';
    let seen = 0;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
      child.emit('news');
    });
    child.stdout.on('end', () => child.emit('news'));
    child.stdin.on('error', () => undefined);
    return {
      process: child,
      send: (line) => void (line === undefined ? child.stdin.end() : child.stdin.write(`${line}\n`)),
      async line() {
        for (;;) {
          const end = out.indexOf('\n', seen);
          if (end !== -1) {
            const line = out.slice(seen, end);
            seen = end + 1;
            return line;
          }
          if (child.stdout.readableEnded) throw new Error(`the command wrote no more lines; on stderr:\n${await err}`);
          await once(child, 'news');
        }
      },
      async ended() {
        const [code] = await exited;
        return { code, err: await err, out };
      },
    };
  }

  return {
    folder,
    file,
    start,
    run(command, options) {
      const running = start(command, options);
      running.send(undefined);
      return running.ended();
    },
    events(match = {}) {
      const lines = namesIn(join(folder, 'runs')).flatMap((id) =>
        readFileSync(join(folder, 'runs', id, 'audit.ndjson'), 'utf8').split('\n'),
      );
      const all = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
      return all.filter((event) => Object.entries(match).every(([name, value]) => event[name] === value));
    },
    unfinished: () => namesIn(join(folder, 'state/runs')),
    async [Symbol.asyncDispose]() {
      for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
