import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, accessSync, openSync, readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { delimiter, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { User } from './user.ts';

/** Namespaces from which nothing leads out but a socket that this process listens on. Kept as long as it holds them, or a process is in there. */
export interface Namespace extends Disposable {
  /** Listens on loopback in there. */
  readonly socket: Server;
  /** Words that run a command in there, in this working directory, as that user and never as more. */
  enter(user: User, command: readonly string[]): readonly string[];
}

const [maker, sealer] = ['namespace-maker', 'seal'].map((name) =>
  fileURLToPath(new URL(`./${name}${extname(import.meta.filename)}`, import.meta.url)),
) as [string, string];
const ffi = '--experimental-ffi';

/** Makes them. Throws, in words for the user, where this takes Linux, root, or a tool that is not here. */
export async function makeNamespace(): Promise<Namespace> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error('--user takes Linux, and root');
  if (!process.allowedNodeEnvironmentFlags.has(ffi)) throw new Error(`--user takes a Node that has ${ffi}, as of 26.1`);
  const { unshare, nsenter, setpriv } = toolsOf(['unshare', 'nsenter', 'setpriv', 'mount'] as const);
  const child = spawn(unshare, ['--net', '--mount', '--', process.execPath, maker], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const failed = once(child, 'exit').then(() => undefined);
  const listening = once(child, 'message').then((values) => values[1] as Server);
  const socket = await Promise.race([listening, failed]);
  if (socket === undefined) throw new Error('--user: no network namespace could be made for the command, and without one it does not run');
  const held = ['net', 'mnt'].map((kind) => openSync(`/proc/${child.pid}/ns/${kind}`, 'r'));
  const [net, mnt] = held.map((fd) => `/proc/${process.pid}/fd/${fd}`);
  child.send('held');
  await failed;
  return {
    socket,
    enter({ uid, gid }, command) {
      const inside = [nsenter, `--net=${net}`, `--mount=${mnt}`, '--'];
      // Whoever enters a mount namespace stands at its root, so the folder is told.
      const sealed = [process.execPath, ffi, '--disable-warning=ExperimentalWarning', sealer, process.cwd()];
      const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--no-new-privs'];
      const capabilities = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'];
      return [...inside, ...sealed, setpriv, ...ids, ...capabilities, '--pdeathsig=TERM', '--', ...command];
    },
    [Symbol.dispose]() {
      socket.close();
      for (const fd of held) closeSync(fd);
    },
  };
}

/**
 * A process that shares our terminal may be able to type into it (TIOCSTI), and so speak to the shell of whoever called us: then it needs a
 * session of its own, and has no job control.
 */
export function mayType(): boolean {
  try {
    return readFileSync('/proc/sys/dev/tty/legacy_tiocsti', 'latin1').trim() !== '0';
  } catch {
    return true;
  }
}

function toolsOf<Name extends string>(names: readonly Name[]): Readonly<Record<Name, string>> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/sbin', '/bin'].filter((each) => each !== '');
  const found = names.map((name) => [name, folders.map((folder) => join(folder, name)).find(isProgram)] as const);
  const missing = found.filter(([, path]) => path === undefined).map(([name]) => name);
  if (missing.length > 0) throw new Error(`--user needs ${names.join(', ')} (util-linux); missing: ${missing.join(', ')}`);
  return Object.fromEntries(found) as Record<Name, string>;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
