import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../errors.ts';
import { closeFrame, FrameTracker } from './frames.ts';

/** How a relay ended; octets each way. */
export interface RelayEnd {
  /** Why before its time; undefined = one side closed it as RFC 6455 §7 has it. */
  readonly code: ErrorCode | undefined;
  /** From the client to the destination. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface RelayOptions {
  readonly client: Duplex;
  readonly destination: Duplex;
  /** Longest silence of both sides together; 0 = none. */
  readonly idleTimeoutMs: number;
  /** Both connections are closed. */
  readonly ended: (end: RelayEnd) => void;
}

/** How long what has been cut may take to close by itself. */
const cutGraceMs = 1000;
/** How long one side may be silent after the other has closed. */
const closeGraceMs = 5000;
/** So much of a frame under way may still reach a client that has been cut, so that it is told why. */
const maxRestBytes = 64 * 1024;

/** Both directions of one WebSocket, between connections that have been upgraded. Messages, pings and compression pass unread, with back-pressure. */
export class WebSocketRelay {
  readonly #options: RelayOptions;
  readonly #up: Lane;
  readonly #down: Lane;
  #code: ErrorCode | undefined;
  #closed = 0;
  #isEnding = false;
  #isCut = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    const { client, destination, idleTimeoutMs } = options;
    const passed = () => {
      if (!this.#isCut) this.#timer?.refresh();
    };
    this.#up = new Lane(client, destination, passed);
    this.#down = new Lane(destination, client, passed);
    this.#watch(client, 'client_gone');
    this.#watch(destination, 'upstream_broken');
    if (idleTimeoutMs > 0) this.#timer = setTimeout(() => this.cut('upstream_stalled'), idleTimeoutMs).unref();
  }

  /**
   * Ends it from our side. The destination gets not an octet more, but for a Close frame where it has taken every frame whole: on a message that it has
   * in part it will not act. The client is told why.
   */
  cut(code: ErrorCode): void {
    if (this.#closed === 2) return;
    this.#code ??= code;
    this.#isCut = true;
    const { destination } = this.#options;
    // What waits there would still go out.
    if (destination.writableLength > 0) destination.destroy();
    else this.#up.close(closeFrame(goingAway, { masked: true }), 0);
    this.#down.close(closeFrame(closeCodes[code] ?? policyViolation, { reason: code }), maxRestBytes);
    this.#limit(cutGraceMs);
  }

  #watch(side: Duplex, code: ErrorCode): void {
    side.on('error', () => {});
    side.once('end', () => this.#end(code));
    side.once('close', () => {
      this.#closed += 1;
      if (this.#closed < 2) return this.#end(code);
      clearTimeout(this.#timer);
      this.#options.ended({ code: this.#code, sentBytes: this.#up.bytes, receivedBytes: this.#down.bytes });
    });
  }

  /** One side has sent its last octet: what the other still sends may pass, if the connection takes it, and has a limit. */
  #end(code: ErrorCode): void {
    if (this.#isEnding) return;
    if (!this.#up.frames.closing && !this.#down.frames.closing) this.#code ??= code;
    this.#limit(closeGraceMs);
  }

  #limit(graceMs: number): void {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#options.client.destroy();
      this.#options.destination.destroy();
    }, graceMs).unref();
  }
}

/** One direction. */
class Lane {
  readonly frames = new FrameTracker();
  bytes = 0;
  readonly #from: Duplex;
  readonly #to: Duplex;
  /** Set once it has been cut: the frame that ends it, when the one under way has passed. */
  #last: Buffer | undefined;

  constructor(from: Duplex, to: Duplex, passed: () => void) {
    this.#from = from;
    this.#to = to;
    from.on('data', (chunk: Buffer) => {
      if (to.writableEnded || to.destroyed) return;
      passed();
      this.#pass(chunk);
    });
    to.on('drain', () => from.resume());
    from.once('end', () => to.end());
    // Whoever still sends to a connection that is gone is read to its end, so that this end is seen.
    to.once('close', () => from.resume());
    from.once('close', () => to.end());
    from.resume();
  }

  /** Nothing passes any more but the frame under way, if it owes no more than `restBytes`, and then `last`. */
  close(last: Buffer, restBytes: number): void {
    if (this.#last !== undefined || this.#to.writableEnded) return;
    this.#last = last;
    if (this.frames.atBoundary || this.frames.owed > restBytes) this.#finish();
    this.#from.resume();
  }

  #pass(chunk: Buffer): void {
    const taken = this.frames.take(chunk, this.#last !== undefined);
    this.bytes += taken;
    const more = this.#to.write(taken === chunk.length ? chunk : chunk.subarray(0, taken));
    if (this.#last !== undefined && this.frames.atBoundary) this.#finish();
    else if (!more) this.#from.pause();
  }

  /** In the middle of a frame, or after a Close, there is nothing that could still be said. */
  #finish(): void {
    if (this.frames.atBoundary && !this.frames.closing) this.#to.end(this.#last);
    else this.#to.end();
  }
}

/** RFC 6455 §7.4.1. */
const goingAway = 1001;
const policyViolation = 1008;
const closeCodes: Partial<Record<ErrorCode, number>> = { shutting_down: goingAway, upstream_stalled: goingAway };
