import { spawn } from 'node:child_process';
import { once } from 'node:events';

type Message = Readonly<Record<string, unknown>>;

/** A real process of the demo: what it prints, and the messages it sends over its channel. */
export interface Running {
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** The first message that matches, sent already or still to come. */
  message(matches: (message: Message) => boolean): Promise<Message>;
  send(message: object): void;
  exit(): Promise<number | null>;
  stop(): Promise<void>;
}

const patienceMs = 20_000;

/** Runs a script with this Node and a clean environment: no proxy settings but those given. */
export function startProcess(name: string, script: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/proxy|^node_options$/i.test(key)));
  const child = spawn(process.execPath, [script, ...argv], { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let text = '';
  const messages: Message[] = [];
  const exited = once(child, 'exit');
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => {
      text += chunk;
      child.emit('news');
    });
  }
  child.on('message', (message: Message) => {
    messages.push(message);
    child.emit('news');
  });
  child.on('exit', () => child.emit('news'));
  const wait = async <T>(find: () => T | undefined): Promise<T> => {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (child.exitCode !== null || signal.aborted) throw new Error(`${name} did not get there; it printed:\n${text}`);
      await once(child, 'news', { signal }).catch(() => undefined);
    }
  };
  return {
    line: (pattern) => wait(() => pattern.exec(text) ?? undefined),
    message: (matches) => wait(() => messages.find(matches)),
    send: (message) => void child.send(message),
    async exit() {
      await exited;
      return child.exitCode;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
        await exited;
        clearTimeout(timer);
      }
    },
  };
}
