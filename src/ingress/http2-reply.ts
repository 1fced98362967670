import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Reply } from '../call.ts';
import { refuse, type ErrorCode } from '../errors.ts';
import { grpcFields } from '../grpc.ts';

/** How long a client may take to read the status of a call that was cut, or pause in what it sends and nobody reads. */
const lingerMs = 1000;

/** Fields that the two sides of one HTTP/1.1 connection say to each other. */
const ofConnections = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** The answer on a stream of HTTP/2. The head waits for what comes next, so that one without a body leaves as one frame (RFC 9113 §8.1). */
export class Http2Reply implements Reply {
  started = false;
  /** The client said `TE: trailers`. */
  mayTrail = false;
  /** The client is one of gRPC. */
  grpc = false;
  readonly #stream: ServerHttp2Stream;
  #head: string[] = [];
  #trailers: readonly [string, string][] = [];

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  get gone(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  proceed(): void {
    if (!this.gone) this.#stream.additionalHeaders({ ':status': 100 });
  }

  start(status: number, headers: string[]): void {
    this.started = true;
    this.#head = [':status', String(status)];
    for (let i = 0; i < headers.length; i += 2) {
      const [name = '', value = ''] = [headers[i]?.toLowerCase(), headers[i + 1]];
      if (!ofConnections.has(name)) this.#head.push(name, value);
    }
  }

  flush(): void {
    this.#respond(false);
  }

  write(chunk: Uint8Array): boolean {
    return !this.#respond(false) || this.#stream.write(chunk);
  }

  end(chunk?: Uint8Array, trailers: readonly [string, string][] = []): void {
    const stream = this.#stream;
    this.#trailers = trailers;
    stream.once('finish', () => this.#linger());
    if (!this.#respond(chunk === undefined && trailers.length === 0)) return;
    if (chunk === undefined) stream.end();
    else stream.end(chunk);
  }

  /** A call of gRPC ends with a status of its own. `close` with an error code would end the body before it resets the stream, and a client takes that for a whole answer. */
  breakOff(code?: ErrorCode): void {
    const stream = this.#stream;
    if (this.grpc && code !== undefined && !this.gone && !stream.writableEnded) {
      setTimeout(() => stream.destroy(), lingerMs).unref();
      return this.end(undefined, grpcFields(refuse(code)));
    }
    stream.destroy(new Error('the answer is broken off'));
  }

  onDrain(listener: () => void): void {
    this.#stream.on('drain', listener);
  }

  onClose(listener: (complete: boolean) => void): void {
    const stream = this.#stream;
    stream.once('close', () => listener(stream.writableFinished && !stream.aborted));
  }

  /**
   * What is left of the request is of no use to anyone, and a client that pauses is told so (RFC 9113 §8.1). Until then it is taken: a reset could
   * overtake the answer, and clients that see one while they send report it instead of the answer.
   */
  #linger(): void {
    const stream = this.#stream;
    if (stream.endAfterHeaders || stream.readableEnded) return;
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs).unref();
    stream.on('data', () => timer.refresh());
    stream.once('close', () => clearTimeout(timer));
    stream.resume();
  }

  /** False: nothing of a body can follow. What cannot be said in HTTP/2 is broken off: nobody above could do more about it. */
  #respond(endStream: boolean): boolean {
    const stream = this.#stream;
    if (this.gone) return false;
    if (stream.headersSent) return !stream.writableEnded;
    const waitForTrailers = this.mayTrail && !endStream;
    if (waitForTrailers) stream.once('wantTrailers', () => stream.sendTrailers(asObject(this.#trailers)));
    try {
      stream.respond(this.#head, { endStream, waitForTrailers });
    } catch {
      this.breakOff();
    }
    return !stream.writableEnded && !this.gone;
  }
}

/** A destination may name a trailer `constructor`. */
function asObject(fields: readonly [string, string][]): Record<string, string[]> {
  const object = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of fields) (object[name] ??= []).push(value);
  return object;
}
