import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Job, JobResult } from './jobs.ts';

/** A server under measurement, in a process of its own. */
export interface Server extends AsyncDisposable {
  readonly port: number;
  /** CPU time of all its threads so far, in µs. */
  cpuUs(): number;
  rssMb(): number;
}

const peers = {
  answer: new URL('./peers/answer.ts', import.meta.url),
  undici: new URL('./peers/undici.ts', import.meta.url),
  'tls-undici': new URL('./peers/tls-undici.ts', import.meta.url),
  'http-proxy-3': new URL('./peers/http-proxy-3.ts', import.meta.url),
};

/** Starts a peer of `bench/peers/`, which prints `{"port":…}` when it is ready. */
export async function startPeer(name: keyof typeof peers, ...args: string[]): Promise<Server> {
  const child = spawn(process.execPath, [fileURLToPath(peers[name]), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const { port } = JSON.parse(await firstLine(child)) as { port: number };
  return server(child, port);
}

/** Wraps a running child process as a server. */
export function server(child: ChildProcess, port: number): Server {
  const { pid } = child;
  if (pid === undefined) throw new Error('the process did not start');
  return { port, cpuUs: () => cpuUs(pid), rssMb: () => rssMb(pid), [Symbol.asyncDispose]: () => stop(child) };
}

/** The first line a child writes to its standard output; throws if it ends before. */
async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no standard output to read');
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error(`${child.spawnargs.join(' ')} ended before it was ready`);
}

/** Asks a child to end, and insists after 10 s. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(hard);
}

/** A load generator that does one job at a time. */
export interface Load extends AsyncDisposable {
  run(job: Job): Promise<JobResult>;
}

export function startLoad(): Load {
  const child = fork(new URL('./load.ts', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    async run(job) {
      child.send(job);
      const [result] = (await once(child, 'message')) as [JobResult | { readonly error: string }];
      if ('error' in result) throw new Error(`load generator: ${result.error}`);
      return result;
    },
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** utime + stime of the whole thread group; a clock tick is 10 ms on every Linux that Node runs on (proc(5)). */
function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function rssMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1024;
}
