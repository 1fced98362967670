import type { Reply } from '../call.ts';
import type { Credential } from '../credentials/credential.ts';
import { ExeatError, type ErrorCode } from '../errors.ts';
import { BodyDecoder } from './body-decoder.ts';
import type { Decoding } from './content-coding.ts';
import { decodedHead, decodingOf, maskedHead, maskHeaders, vouchesFor, vouchesForCoded } from './guarded-head.ts';
import { Masking, masked, type Form } from './masking.ts';
import { needlesOf } from './needles.ts';
import { Search } from './search.ts';

export type Place = 'header' | 'body' | 'trailer';

export interface GuardOptions {
  readonly search: Search;
  /** False: no part of an answer is passed on, asked for or not. */
  readonly ranges: () => boolean;
  /** Told once, of the first echo. */
  readonly onEcho: (form: Form, place: Place) => void;
  /** The body is broken in its coding: the answer is to be broken off. */
  readonly onUnreadable: () => void;
}

const searches = new WeakMap<Credential, Search | undefined>();

/** What finds this credential in what its destination answers; undefined: none of its secrets is long enough to be looked for. */
export function searchFor(credential: Credential): Search | undefined {
  if (searches.has(credential)) return searches.get(credential);
  const needles = needlesOf(credential);
  const search = needles.length === 0 ? undefined : new Search(needles);
  searches.set(credential, search);
  return search;
}

/**
 * The reflection guard: where the destination echoes the credential that was sent to it, the client gets as many asterisks. Chunks in, chunks
 * out, whatever the answer came by and goes to. A coded body goes on decoded (1.3-2.1 ms of CPU a MB): coding it again would take three times that.
 *
 * The head waits for the first chunk, or for the end of the turn in which it came. So an echo in a field, or in the beginning of the body,
 * takes the validators out of the head: strong `ETag`, digests, signatures, `Accept-Ranges`. One found later leaves them: a masked body is
 * as long as it was, so that its framing holds, and a digest does not match it, as it should be.
 */
export class GuardedReply implements Reply {
  readonly #reply: Reply;
  readonly #options: GuardOptions;
  #masking: Masking | undefined;
  #decoder: BodyDecoder | undefined;
  #head: { readonly status: number; readonly headers: string[] } | undefined;
  #opened = false;
  #echoed = false;
  #over = false;
  #trailers: readonly [string, string][] | undefined;
  #onDrain: (() => void) | undefined;
  #onEnded: (() => void) | undefined;

  constructor(reply: Reply, options: GuardOptions) {
    this.#reply = reply;
    this.#options = options;
  }

  get started(): boolean {
    return this.#reply.started;
  }

  get gone(): boolean {
    return this.#reply.gone;
  }

  proceed(): void {
    this.#reply.proceed();
  }

  /** Throws, with nothing sent, when the body will not be readable. */
  start(status: number, headers: string[]): void {
    const { search, ranges } = this.#options;
    if (status === 206 && !ranges()) throw new ExeatError('coding_unreadable');
    const decoding = decodingOf(headers, status);
    this.mask(headers);
    this.#masking = new Masking({ search, part: status === 206, onFound: (form) => this.#note(form, 'body') });
    if (decoding !== undefined) this.#decodeBy(decoding);
    this.#head = { status, headers: decoding === undefined ? headers : decodedHead(headers) };
  }

  /** Of a head, in the list itself. */
  mask(headers: string[]): void {
    maskHeaders(headers, this.#options.search, (form) => this.#note(form, 'header'));
  }

  flush(): void {
    this.#open();
    this.#reply.flush();
  }

  write(chunk: Uint8Array): boolean {
    return this.#decoder === undefined ? this.#pass(chunk) : this.#decoder.write(chunk);
  }

  end(chunk?: Uint8Array, trailers?: readonly [string, string][]): void {
    this.#trailers = trailers;
    if (this.#decoder === undefined) this.#finish(chunk);
    else this.#decoder.end(chunk);
  }

  /** Calls back when all has been passed on after `end`: at once, unless some of it is still being decoded. */
  onEnded(listener: () => void): void {
    if (this.#over) listener();
    else this.#onEnded = listener;
  }

  /** Also when nothing has been sent yet: then nothing will be. */
  breakOff(code?: ErrorCode): void {
    this.#over = true;
    this.#decoder?.destroy();
    if (this.#reply.started) this.#reply.breakOff(code);
  }

  onDrain(listener: () => void): void {
    if (this.#decoder === undefined) this.#reply.onDrain(listener);
    else this.#onDrain = listener;
  }

  onClose(listener: (complete: boolean) => void): void {
    this.#reply.onClose(listener);
  }

  #decodeBy(decoding: Decoding): void {
    const decoder = new BodyDecoder(decoding, {
      data: (chunk) => this.#pass(chunk),
      end: (whole) => this.#finish(whole),
      caughtUp: () => this.#flushUnlessOpened(),
      drained: () => this.#onDrain?.(),
      failed: () => this.#options.onUnreadable(),
    });
    this.#decoder = decoder;
    this.#reply.onDrain(() => decoder.resume());
  }

  #pass(chunk: Uint8Array): boolean {
    const passed = this.#masking?.push(chunk);
    if (passed === undefined) {
      queueMicrotask(() => this.#flushUnlessOpened());
      return true;
    }
    this.#open();
    return this.#reply.write(passed);
  }

  #finish(chunk: Uint8Array | undefined): void {
    this.#over = true;
    const last = this.#masking?.end(chunk);
    const trailers = this.#trailers && this.#passing(this.#trailers);
    if (this.#decoder !== undefined && !this.#opened && last !== undefined && trailers === undefined)
      this.#head?.headers.push('content-length', String(last.length));
    this.#open();
    if (trailers === undefined) this.#reply.end(last);
    else this.#reply.end(last, trailers);
    this.#onEnded?.();
  }

  #passing(trailers: readonly [string, string][]): [string, string][] {
    const { search } = this.#options;
    const safe = trailers.map(([name, value]): [string, string] => [name, masked(search, value, (form) => this.#note(form, 'trailer'))]);
    return safe.filter(([name, value]) => !(this.#echoed ? vouchesFor(name, value) : this.#decoder && vouchesForCoded(name)));
  }

  #flushUnlessOpened(): void {
    if (!this.#opened && !this.#over) this.flush();
  }

  #open(): void {
    if (this.#opened || this.#head === undefined) return;
    this.#opened = true;
    const { status, headers } = this.#head;
    this.#reply.start(status, this.#echoed ? maskedHead(headers) : headers);
  }

  #note(form: Form, place: Place): void {
    if (this.#echoed) return;
    this.#echoed = true;
    this.#options.onEcho(form, place);
  }
}
