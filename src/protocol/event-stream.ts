const lineFeed = 10;
const carriageReturn = 13;

/**
 * Cuts a `text/event-stream` (WHATWG HTML §9.2) behind each event, wherever chunks end. The pieces together are the stream, byte for byte: of a CR LF
 * behind an event the LF may begin the next piece.
 */
export class EventSplitter {
  readonly #largestBytes: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #lineBytes = 0;
  #afterReturn = false;

  /** An event may have so many bytes. */
  constructor(largestBytes: number) {
    this.#largestBytes = largestBytes;
  }

  /** The events that are complete now, comments and all; undefined: one is too large. */
  push(chunk: Uint8Array): Buffer[] | undefined {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const events: Buffer[] = [];
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      const isRest = byte === lineFeed && this.#afterReturn;
      this.#afterReturn = byte === carriageReturn;
      if (isRest) continue;
      if (byte !== lineFeed && byte !== carriageReturn) {
        this.#lineBytes += 1;
        continue;
      }
      if (this.#lineBytes === 0) {
        events.push(Buffer.concat([...this.#held, bytes.subarray(from, at + 1)]));
        this.#held = [];
        this.#heldBytes = 0;
        from = at + 1;
      }
      this.#lineBytes = 0;
    }
    if (from < bytes.length) {
      this.#held.push(bytes.subarray(from));
      this.#heldBytes += bytes.length - from;
    }
    return this.#heldBytes > this.#largestBytes ? undefined : events;
  }

  /** Of an event that is not complete yet. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** What came after the last event: a client dispatches nothing of it. */
  rest(): Buffer {
    return Buffer.concat(this.#held);
  }
}

/** The data of one event, its lines joined; undefined: it has none. */
export function eventData(event: Buffer): string | undefined {
  const lines = event
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/);
  const data = lines.filter((line) => line === 'data' || line.startsWith('data:'));
  if (data.length === 0) return undefined;
  return data.map((line) => line.slice('data:'.length).replace(/^ /, '')).join('\n');
}

/** The same event with other data, in one line; its other fields and comments stay. */
export function withData(event: Buffer, data: string): Buffer {
  const lines = event.toString('utf8').split(/\r\n|\n|\r/);
  const others = lines.filter((line) => line !== '' && line !== 'data' && !line.startsWith('data:'));
  return Buffer.from([...others, `data: ${data}`, '', ''].join('\n'));
}
