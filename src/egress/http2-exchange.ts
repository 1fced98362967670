import { constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { ExeatError } from '../errors.ts';
import { grpcTimeoutMs } from '../grpc.ts';

/** What one exchange is sent on, and how long it may take. */
export interface Http2Line {
  readonly session: ClientHttp2Session;
  readonly scheme: 'http' | 'https';
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Called before each callback that may ask who answers. */
  readonly answering: () => void;
  /** Called once, when the stream is closed. */
  readonly ended: () => void;
}

/**
 * One request on a stream of HTTP/2, told to a handler of undici's as its own clients would. What undici 8.12 does otherwise is why this is here: it
 * resets a stream that is given up with NO_ERROR, counts bytes of the answer as sent, and sends a call again that was refused (REFUSED_STREAM). This sends nothing twice.
 */
export class Http2Exchange implements Dispatcher.DispatchController {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  readonly rawHeaders = null;
  readonly rawTrailers = null;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #line: Http2Line;
  readonly #cancel = new AbortController();
  #stream: ClientHttp2Stream | undefined;
  #body: Readable | undefined;
  #status: number | undefined;
  #over = false;
  #trailers: IncomingHttpHeaders | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(handler: Dispatcher.DispatchHandler, line: Http2Line) {
    this.#handler = handler;
    this.#line = line;
  }

  run({ path, method, headers, body }: Dispatcher.DispatchOptions): void {
    const { session, scheme, headersTimeoutMs, idleTimeoutMs } = this.#line;
    this.#handler.onRequestStart?.(this, null);
    if (this.#over) return this.#line.ended();
    const fields = fieldsOf(Array.isArray(headers) ? headers.map(String) : []);
    const head = [':method', method, ':scheme', scheme, ':authority', fields.authority, ':path', path, ...fields.rest];
    const hasBody = body instanceof Readable;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(head, { endStream: !hasBody, signal: this.#cancel.signal });
    } catch (error) {
      this.#line.ended();
      return this.#fail(new ExeatError('upstream_broken', undefined, { cause: error }));
    }
    this.#stream = stream;
    stream.on('headers', (interim) => this.#handler.onResponseStart?.(this, Number(interim[':status']), {}));
    stream.once('response', (answer, flags) => this.#respond(answer, flags));
    stream.on('data', (chunk: Buffer) => {
      if (!this.#over) this.#handler.onResponseData?.(this, chunk);
    });
    stream.once('trailers', (trailers) => (this.#trailers = trailers));
    stream.once('end', () => this.#end());
    stream.on('error', (error) => this.#fail(error));
    stream.once('close', () => {
      this.#line.ended();
      this.#fail(new ExeatError('upstream_broken'));
    });
    if (idleTimeoutMs > 0) stream.setTimeout(idleTimeoutMs, () => !this.paused && this.#fail(new ExeatError('upstream_stalled')));
    const timeout = fields.timeout === undefined ? undefined : grpcTimeoutMs(fields.timeout);
    if (timeout !== undefined) this.#deadline = setTimeout(() => this.#fail(new ExeatError('deadline_exceeded')), timeout).unref();
    // Who names a deadline waits that long for the head too; and before the request is whole nobody owes an answer.
    const expectHead = () => {
      if (timeout === undefined && headersTimeoutMs > 0 && this.#status === undefined)
        this.#silence = setTimeout(() => this.#fail(new ExeatError('upstream_timeout')), headersTimeoutMs).unref();
    };
    if (hasBody) this.#send(body, stream, expectHead);
    else expectHead();
  }

  abort(reason: Error): void {
    this.#fail(reason);
  }

  pause(): void {
    this.paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.paused = false;
    this.#stream?.resume();
  }

  #send(body: Readable, stream: ClientHttp2Stream, sent: () => void): void {
    this.#body = body;
    body.on('data', (chunk: Buffer) => {
      if (this.#over) return;
      this.#handler.onBodySent?.(chunk);
      if (!stream.write(chunk)) body.pause();
    });
    stream.on('drain', () => body.resume());
    body.once('end', () => {
      stream.end();
      sent();
    });
    body.once('error', (error) => this.#fail(error));
  }

  #respond({ ':status': status, ...fields }: IncomingHttpHeaders & { ':status'?: number | undefined }, flags: number): void {
    if (this.#over) return;
    this.#status = Number(status);
    clearTimeout(this.#silence);
    this.#line.answering();
    try {
      this.#handler.onResponseStart?.(this, this.#status, fields);
    } catch (error) {
      return this.#fail(error instanceof Error ? error : new ExeatError('upstream_malformed'));
    }
    // An answer that is its head alone stays one on the way to the client.
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) this.#whole();
  }

  /** Node tells the end of a connection by `end` too. A call of gRPC that was answered at all ends with trailers (or is refused by another status than 200). */
  #end(): void {
    if (this.#over) return;
    const isWhole = this.#trailers !== undefined || (this.#status !== undefined && this.#status !== 200);
    if (isWhole) this.#whole();
    else this.#fail(new ExeatError('upstream_broken'));
  }

  #whole(): void {
    this.#finish();
    this.#handler.onResponseEnd?.(this, this.#trailers ?? {});
    // Nobody asks for the rest of the request.
    if (this.#body?.readableEnded === false) this.#giveUp();
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#finish();
    this.aborted = true;
    this.reason = error;
    this.#handler.onResponseError?.(this, error);
    this.#giveUp();
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#silence);
  }

  /** By signal, which resets with CANCEL: to close the stream would end the request first, and what was cut would look whole. */
  #giveUp(): void {
    this.#body?.destroy();
    this.#cancel.abort();
  }
}

/** The fields as HTTP/2 has them: in lower case, Host as `:authority`. */
function fieldsOf(headers: readonly string[]): { authority: string; timeout: string | undefined; rest: string[] } {
  const rest: string[] = [];
  let authority = '';
  let timeout: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i]?.toLowerCase(), headers[i + 1]];
    if (name === 'host') authority = value;
    else rest.push(name, value);
    if (name === 'grpc-timeout') timeout = value;
  }
  return { authority, timeout, rest };
}
