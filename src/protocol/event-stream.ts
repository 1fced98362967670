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
    let feed = -1;
    let back = -1;
    for (let at = 0; at < bytes.length;) {
      if (this.#afterReturn) {
        this.#afterReturn = false;
        if (bytes[at] === lineFeed) {
          at += 1;
          continue;
        }
      }
      // Lines may be long, so they are not gone through byte by byte.
      if (feed < at) feed = placeOf(lineFeed, bytes, at);
      if (back < at) back = placeOf(carriageReturn, bytes, at);
      const end = Math.min(feed, back);
      this.#lineBytes += end - at;
      at = end + 1;
      if (end === bytes.length) break;
      this.#afterReturn = end === back;
      if (this.#lineBytes === 0) {
        const last = bytes.subarray(from, at);
        events.push(this.#held.length === 0 ? last : Buffer.concat([...this.#held, last]));
        this.#held = [];
        this.#heldBytes = 0;
        from = at;
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

function placeOf(byte: number, bytes: Buffer, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at === -1 ? bytes.length : at;
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
