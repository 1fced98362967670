import type { Duplex } from 'node:stream';
import type { Reply } from '../call.ts';
import { breakOff } from './break-off.ts';
import type { Told } from './socket-answer.ts';

/**
 * The answer to a CONNECT, which has no response object: either the relay of a blind tunnel, begun by `start(200)`, or a refusal, which is told
 * as far as things have come: on the bare socket, or inside of the tunnel.
 */
export class ConnectReply implements Reply {
  /** How a refusal reaches the client. */
  tell: (told: Told) => void;
  started = false;
  readonly #socket: Duplex;
  #refusal: Omit<Told, 'body'> | undefined;

  constructor(socket: Duplex, tell: (told: Told) => void) {
    this.#socket = socket;
    this.tell = tell;
  }

  get gone(): boolean {
    return this.#socket.destroyed;
  }

  proceed(): void {}

  start(status: number, headers: string[], reason?: string): void {
    if (status === 200) this.started = true;
    else this.#refusal = { status, headers, reason };
  }

  flush(): void {}

  write(chunk: Uint8Array): boolean {
    return this.#socket.write(chunk);
  }

  end(chunk?: Uint8Array): void {
    if (this.#refusal !== undefined) this.tell({ ...this.#refusal, body: chunk ?? Buffer.alloc(0) });
    else if (chunk === undefined) this.#socket.end();
    else this.#socket.end(chunk);
  }

  breakOff(): void {
    breakOff(this.#socket);
  }

  onDrain(listener: () => void): void {
    this.#socket.on('drain', listener);
  }

  onClose(listener: (complete: boolean) => void): void {
    this.#socket.once('close', () => listener(this.#socket.writableFinished));
  }
}
