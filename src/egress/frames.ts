import { randomBytes } from 'node:crypto';

/**
 * Where one direction of a WebSocket stands between its frames (RFC 6455 §5.2). Reads headers for their lengths and no payload; any split of the
 * same octets gives the same answer.
 */
export class FrameTracker {
  /** Octets of the current header that have been read; 0 = between headers. */
  #read = 0;
  #headerLength = 2;
  /** Where the extended length in the header ends. */
  #lengthEnd = 2;
  #length = 0;
  /** Octets of payload still to come. */
  #owed = 0;
  #closing = false;

  /** A new frame may begin here. */
  get atBoundary(): boolean {
    return this.#read === 0 && this.#owed === 0;
  }

  /** How many octets of payload the frame under way still owes; more while its header is not complete. */
  get owed(): number {
    return this.#read === 0 ? this.#owed : Number.POSITIVE_INFINITY;
  }

  /** A Close frame has begun: no frame may follow it. */
  get closing(): boolean {
    return this.#closing;
  }

  /** Takes the next octets, all of them or those `toBoundary` only; answers how many it took. */
  take(octets: Uint8Array, toBoundary = false): number {
    let at = 0;
    while (at < octets.length) {
      if (toBoundary && this.atBoundary) break;
      if (this.#read === 0 && this.#owed > 0) {
        const taken = Math.min(this.#owed, octets.length - at);
        this.#owed -= taken;
        at += taken;
      } else {
        this.#header(octets[at] ?? 0);
        at += 1;
      }
    }
    return at;
  }

  #header(octet: number): void {
    if (this.#read === 0) this.#closing ||= (octet & 0x0f) === closeOpcode;
    else if (this.#read === 1) {
      const short = octet & 0x7f;
      this.#lengthEnd = short === 127 ? 10 : short === 126 ? 4 : 2;
      this.#headerLength = this.#lengthEnd + (octet & 0x80 ? maskLength : 0);
      this.#length = short < 126 ? short : 0;
    } else if (this.#read < this.#lengthEnd) this.#length = this.#length * 256 + octet;
    this.#read += 1;
    if (this.#read < 2 || this.#read < this.#headerLength) return;
    this.#read = 0;
    this.#owed = this.#length;
  }
}

const closeOpcode = 8;
const maskLength = 4;

/** A whole Close frame (RFC 6455 §5.5.1). `masked` as a client sends it. The reason is ours, in ASCII, and at most 123 octets. */
export function closeFrame(code: number, { reason = '', masked = false }: { reason?: string; masked?: boolean } = {}): Buffer {
  const payload = Buffer.from(`\0\0${reason}`, 'latin1');
  payload.writeUInt16BE(code);
  if (!masked) return Buffer.concat([Buffer.of(0x80 | closeOpcode, payload.length), payload]);
  const mask = randomBytes(maskLength);
  for (let i = 0; i < payload.length; i += 1) payload[i] = (payload[i] ?? 0) ^ (mask[i % maskLength] ?? 0);
  return Buffer.concat([Buffer.of(0x80 | closeOpcode, 0x80 | payload.length), mask, payload]);
}
