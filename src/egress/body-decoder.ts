import type { Transform } from 'node:stream';
import type { Decoding } from './content-coding.ts';

/** Where a decoded body goes. */
export interface DecodedSink {
  /** False = stop until `resume`. */
  data(chunk: Uint8Array): boolean;
  /** Once, after the last `data`; with the whole body where it was decoded at once. */
  end(whole?: Uint8Array): void;
  /** What has been written so far made no `data`, or has been handed on. */
  caughtUp(): void;
  /** `write` may go on. */
  drained(): void;
  /** The body is broken in its coding. Nothing comes after it. */
  failed(): void;
}

/** Most that is decoded without a stream, which would cost a thread's turn and some 100 µs of CPU. */
const maxWholeBytes = { coded: 64 * 1024, decoded: 256 * 1024 };

/** Decodes a body that comes in chunks; one that ends in the turn in which it began at once, any other in a stream. */
export class BodyDecoder {
  readonly #decoding: Decoding;
  readonly #sink: DecodedSink;
  #early: Uint8Array[] = [];
  #stream: Transform | undefined;
  #over = false;

  constructor(decoding: Decoding, sink: DecodedSink) {
    this.#decoding = decoding;
    this.#sink = sink;
  }

  /** False = stop until `drained`. */
  write(chunk: Uint8Array): boolean {
    if (this.#over || chunk.length === 0) return true;
    if (this.#stream !== undefined) return this.#stream.write(chunk);
    this.#early.push(chunk);
    if (this.#early.length === 1) queueMicrotask(() => this.#begin());
    return true;
  }

  end(chunk?: Uint8Array): void {
    if (this.#over) return;
    if (chunk !== undefined) this.write(chunk);
    if (this.#stream === undefined && this.#endsAtOnce()) this.#over = true;
    else this.#begin()?.end();
  }

  resume(): void {
    this.#stream?.resume();
  }

  destroy(): void {
    this.#over = true;
    this.#stream?.destroy();
  }

  #endsAtOnce(): boolean {
    const coded = Buffer.concat(this.#early);
    if (coded.length > maxWholeBytes.coded) return false;
    let whole: Buffer | undefined;
    try {
      if (coded.length > 0) whole = this.#decoding.whole(coded, { maxOutputLength: maxWholeBytes.decoded });
    } catch (error) {
      // Too long, or else broken.
      if (error instanceof RangeError) return false;
      this.#sink.failed();
      return true;
    }
    this.#sink.end(whole);
    return true;
  }

  #begin(): Transform | undefined {
    const [first] = this.#early;
    if (this.#stream !== undefined || this.#over || first === undefined) return this.#stream;
    const stream = this.#decoding.stream(first[0] ?? 0);
    this.#stream = stream;
    const sink = this.#sink;
    stream.on('data', (piece: Uint8Array) => {
      if (!sink.data(piece)) stream.pause();
    });
    stream.on('end', () => {
      // It may end before its input does: what follows a gzip body is no part of it.
      this.#over = true;
      sink.end();
      sink.drained();
    });
    stream.on('error', () => sink.failed());
    stream.on('drain', () => sink.drained());
    stream.write(Buffer.concat(this.#early), () => sink.caughtUp());
    this.#early = [];
    return stream;
  }
}
