import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';

/** How a child ended: as a shell would tell it, 128 and more for a signal. */
export interface ChildEnd {
  readonly code: number;
  /** Why it could not be started. */
  readonly problem?: string;
}

export interface ChildOptions {
  readonly env: Readonly<Record<string, string>>;
  /** In a session of its own, where no terminal sends it anything. */
  readonly apart: boolean;
}

/** Sent to us alone, so the child has to be told. */
const passedOn = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** A terminal sends these to all processes in its foreground, the child among them. */
const ofTerminal = ['SIGINT', 'SIGQUIT'] as const;

/**
 * Runs a command on our own terminal and in our own process group, so that job control is as without us, and outlives it whatever signals come:
 * the revocations are still to be made. From now on signals no longer end this process.
 */
export function runChild([command = '', ...args]: readonly string[], { env, apart }: ChildOptions): Promise<ChildEnd> {
  const { promise, resolve } = Promise.withResolvers<ChildEnd>();
  const child = spawn(command, args, { env, stdio: 'inherit', detached: apart });
  for (const signal of passedOn) process.on(signal, () => child.kill(signal));
  if (apart) actAsTerminal(child);
  else for (const signal of ofTerminal) process.on(signal, () => isForeground() || child.kill(signal));
  child.on('error', (error) => {
    // Also what could not be killed tells so here.
    if (child.pid === undefined) resolve(notStarted(command, error));
  });
  child.on('exit', (code, signal) => resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) }));
  return promise;
}

/** Does for a session of its own what the terminal does for us. */
function actAsTerminal(child: ChildProcess): void {
  const tell = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has just ended.
    }
  };
  for (const signal of ofTerminal) process.on(signal, tell);
  process.on('SIGCONT', tell);
  process.on('SIGTSTP', () => {
    // Of a session without a terminal the system stops nothing by SIGTSTP.
    tell('SIGSTOP');
    process.kill(process.pid, 'SIGSTOP');
  });
}

function notStarted(command: string, error: Error): ChildEnd {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return { code: 127, problem: `${command}: there is no such command` };
  if (code === 'EACCES') return { code: 126, problem: `${command}: this is no program, or not one that may be run` };
  return { code: 126, problem: `${command}: ${error.message}` };
}

/** This process is in the foreground of its terminal, which then sends its signals to the child itself. */
function isForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // proc_pid_stat(5), behind the program's name: state, ppid, pgrp, session, tty_nr, tpgid.
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return terminal !== '0' && group === foreground;
  } catch {
    return [0, 1, 2].some((fd) => isatty(fd));
  }
}
