import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A bare connection: what a client puts on the wire, byte for byte, and what comes back. */
export interface Wire extends AsyncDisposable {
  readonly socket: Socket;
  send(text: string): void;
  /** Everything received so far. */
  readonly received: () => string;
  /** Resolves with all that was received once it matches; fails when the connection ends or two seconds pass before that. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with all that was received when the other side has closed. */
  closed(): Promise<string>;
}

const patienceMs = 5000;

export async function openWire(address: string): Promise<Wire> {
  const socket = connect(Number(address.slice(address.lastIndexOf(':') + 1)), address.slice(0, address.lastIndexOf(':')));
  await once(socket, 'connect');
  return wireOn(socket);
}

/** The same on a connection that is there already. */
export function wireOn(socket: Socket): Wire {
  let text = '';
  let over = false;
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
    socket.emit('news');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    over = true;
    socket.emit('news');
  });
  const wait = async (isThere: () => boolean, what: string): Promise<string> => {
    const signal = AbortSignal.timeout(patienceMs);
    while (!isThere()) {
      if (over) throw new Error(`the connection ended before ${what}; received:\n${text}`);
      await once(socket, 'news', { signal }).catch(() => {
        throw new Error(`timed out waiting for ${what}; received:\n${text}`);
      });
    }
    return text;
  };
  return {
    socket,
    send: (data) => void socket.write(data, 'latin1'),
    received: () => text,
    until: (pattern) => wait(() => pattern.test(text), String(pattern)),
    async closed() {
      if (!over) await once(socket, 'close', { signal: AbortSignal.timeout(patienceMs) });
      return text;
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}

/** The status codes of all responses in a transcript. */
export function statuses(transcript: string): number[] {
  return [...transcript.matchAll(/(?:^|\n|\r\n\r\n[^]*?)HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
}
