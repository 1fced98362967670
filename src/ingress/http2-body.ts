import type { ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';

/**
 * What a client sends on a stream, apart from what it is sent: whoever reads it may give it up without ending the answer. What still comes then is
 * read and dropped.
 */
export class Http2Body extends Readable {
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    super({ highWaterMark: 16 * 1024 });
    this.#stream = stream;
    stream.on('data', this.#take);
    stream.pause();
    stream.once('end', () => this.push(null));
    // Once the answer is whole nobody has a use for the rest, and a paused stream would keep the client from sending it.
    stream.once('finish', () => this.destroy());
    stream.once('close', () => {
      if (!stream.readableEnded || stream.aborted) this.destroy(new Error('the client reset the stream'));
    });
    // Whether anyone reads it or not, a reset must not be thrown.
    this.on('error', ignore);
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.off('data', this.#take);
    this.#stream.resume();
    done(error);
  }

  readonly #take = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#stream.pause();
  };
}

function ignore(): void {}
