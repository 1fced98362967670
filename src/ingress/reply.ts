import type { ServerResponse } from 'node:http';
import type { Reply } from '../call.ts';
import { breakOff } from './break-off.ts';
import { closeStalled, endLingering } from './linger.ts';

const smallBytes = 16 * 1024;

/** The answer on an HTTP/1.1 connection. A class: one is made per call on the hot path. */
export class HttpReply implements Reply {
  readonly #response: ServerResponse;
  #head: readonly string[] | undefined;
  #written = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  get gone(): boolean {
    return this.#response.closed || this.#response.destroyed;
  }

  proceed(): void {
    this.#response.writeContinue();
  }

  start(status: number, headers: string[]): void {
    this.#head = headers;
    this.#response.writeHead(status, headers);
  }

  flush(): void {
    this.#written = true;
    this.#response.flushHeaders();
  }

  write(chunk: Uint8Array): boolean {
    this.#written = true;
    return this.#response.write(chunk);
  }

  end(chunk?: Uint8Array, trailers?: readonly [string, string][]): void {
    if (trailers !== undefined) this.#response.addTrailers(trailers);
    if (!this.#response.req.complete) {
      if (this.#closes()) return endLingering(this.#response, chunk);
      closeStalled(this.#response);
    }
    if (chunk === undefined) this.#response.end();
    // As a string of bytes Node joins a small body to the head and writes both at once.
    else if (!this.#written && chunk.length <= smallBytes && Buffer.isBuffer(chunk)) this.#response.end(chunk.toString('latin1'), 'latin1');
    else this.#response.end(chunk);
  }

  breakOff(): void {
    const { req: request } = this.#response;
    // Of this version an answer has no end but that of the connection.
    if (request.httpVersion === '1.0') breakOff(request.socket);
    this.#response.destroy();
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  onClose(listener: (complete: boolean) => void): void {
    this.#response.once('close', () => listener(this.#response.writableFinished));
  }

  #closes(): boolean {
    return !this.#response.shouldKeepAlive || this.#head?.includes('connection') === true;
  }
}
