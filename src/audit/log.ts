import type { ExeatError } from '../errors.ts';
import type { AuditEvent, AuditSink } from './audit.ts';
import type { CheckpointAt } from './chain.ts';
import { quietRejection, quietWaiter, unavailable } from './outcome.ts';
import { Queue } from './queue.ts';
import type { SigningKey } from './signing-key.ts';
import type { Target } from './target.ts';
import { type Opened, Writer } from './writer.ts';

export interface LogOptions {
  readonly durability: 'batched' | 'strict';
  readonly key: SigningKey;
  /** How much may wait for the disk, in characters of JSON. */
  readonly queueSize: number;
  readonly clock?: (() => number) | undefined;
  /** Called once for a failure, until the log is back. */
  readonly onFailure?: ((error: Error) => void) | undefined;
  readonly onRecovered?: (() => void) | undefined;
  /** A signed checkpoint is on disk. Must not throw. */
  readonly onCheckpoint?: ((line: string) => void) | undefined;
  /** The last checkpoint that is known from elsewhere: a log that ends before it was cut. */
  readonly knownSeq?: number | undefined;
}

/** Half of the 50 ms promised: the other half is for the disk. */
const batchMs = 25;
const checkpointMs = 60_000;
const firstRetryMs = 1000;
const lastRetryMs = 5000;

/** Opens the target and continues the chain found there. Throws when it cannot be opened. */
export async function openLog(target: Target, options: LogOptions): Promise<AuditSink> {
  const log = new Log(target, options);
  await log.start();
  return log;
}

class Log implements AuditSink {
  readonly durability: 'batched' | 'strict';
  readonly #target: Target;
  readonly #writer: Writer;
  readonly #options: LogOptions;
  readonly #now: () => number;
  readonly #queue: Queue;
  /** Settles with the batch that the queue becomes; only where someone waits. */
  #waiter: PromiseWithResolvers<void> | undefined;
  #failure: ExeatError | undefined;
  #failureReason = 'write_failed';
  #due: CheckpointAt | undefined;
  #reopening = false;
  #closed = false;
  #running: Promise<void> | undefined;
  #batchTimer: NodeJS.Timeout | undefined;
  #checkpointTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;

  constructor(target: Target, options: LogOptions) {
    this.#target = target;
    this.#options = options;
    this.#now = options.clock ?? Date.now;
    this.durability = options.durability;
    this.#writer = new Writer({ target, key: options.key, clock: this.#now, onCheckpoint: (line) => options.onCheckpoint?.(line) });
    this.#queue = new Queue(options.queueSize, () => this.#writer.heldBytes);
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  async start(): Promise<void> {
    const opened = await this.#writer.open();
    const missing = (this.#options.knownSeq ?? 0) - opened.end.seq;
    if (missing > 0) this.#queue.addGap(this.#now(), 'log_truncated', missing);
    else if (opened.torn || !opened.closed) this.#queue.addGap(this.#now(), opened.torn ? 'torn_line' : 'unclean_stop');
    if (this.#queue.length > 0) await this.#kick();
  }

  append(event: AuditEvent): void | Promise<void> {
    const json = JSON.stringify(event);
    if (this.#failure === undefined && !this.#queue.hasRoom(json)) {
      this.#fail(new Error('the disk is too slow: the queue is full'), 'queue_full');
    }
    if (this.#failure !== undefined || this.#closed) return this.#appendFailed(event, json);
    const entry = { time: this.#now(), json };
    if (this.#running === undefined) this.#writer.link(entry);
    else this.#queue.push(entry);
    if (this.durability === 'strict') {
      void this.#kick();
      return (this.#waiter ??= quietWaiter()).promise;
    }
    if (this.#batchTimer === undefined && this.#running === undefined) this.#armBatch();
    return undefined;
  }

  async flush(): Promise<void> {
    if (this.#running !== undefined && this.#queue.length === 0) await this.#running;
    if (this.#failure === undefined && (this.#queue.length > 0 || this.#writer.heldBytes > 0)) {
      const { promise } = (this.#waiter ??= quietWaiter());
      void this.#kickNext();
      await promise;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async reopen(): Promise<void> {
    this.#reopening = true;
    await this.#kickNext();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#due = 'close';
    await this.#kickNext();
    for (const timer of [this.#batchTimer, this.#checkpointTimer, this.#retryTimer]) clearTimeout(timer);
    await this.#target.close();
  }

  /** Refusals are only counted now; what was let in before and what ends access is kept for later, in the room that is left for it. */
  #appendFailed(event: AuditEvent, json: string): void | Promise<void> {
    if (this.#closed) this.#queue.lose(event);
    else this.#queue.keep(event, { time: this.#now(), json });
    if (this.durability === 'batched') return undefined;
    return quietRejection(this.#failure ?? unavailable(new Error('it is closed')));
  }

  /** Starts the one writing loop unless it runs. Never rejects. */
  #kick(): Promise<void> {
    clearTimeout(this.#batchTimer);
    this.#batchTimer = undefined;
    this.#running ??= Promise.resolve()
      .then(() => this.#work())
      .catch((error: unknown) => this.#fail(error, 'write_failed'))
      .finally(() => {
        this.#running = undefined;
        this.#armTimers();
      });
    return this.#running;
  }

  /** A whole loop from its start, after the one that may be running. */
  async #kickNext(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await this.#kick();
  }

  async #work(): Promise<void> {
    const failed = this.#failure !== undefined;
    if (failed) this.#resume(await this.#writer.open(), this.#failureReason);
    else if (this.#reopening) {
      const opened = await this.#writer.follow();
      if (opened?.missing !== undefined) this.#resume(opened, opened.missing);
    }
    this.#reopening = false;
    await this.#writeQueue();
    // Batched: what has come meanwhile is the next batch. Strict: someone waits for it.
    if (failed || this.durability === 'strict') while (this.#queue.length > 0) await this.#writeQueue();
    if (failed) await this.#recovered();
  }

  async #recovered(): Promise<void> {
    while (this.#queue.lost > 0) {
      this.#queue.addGap(this.#now(), this.#failureReason);
      await this.#writeQueue();
    }
    this.#failure = undefined;
    this.#retryMs = firstRetryMs;
    this.#options.onRecovered?.();
  }

  async #writeQueue(): Promise<void> {
    const waiter = this.#waiter;
    this.#linkQueued();
    const at = this.#due === 'interval' && this.#writer.unanchored === 0 ? undefined : this.#due;
    this.#waiter = undefined;
    this.#due = undefined;
    if (this.#writer.heldBytes === 0 && (at === undefined || !this.#writer.wrote)) return;
    try {
      await this.#writer.write(at);
      waiter?.resolve();
    } catch (error) {
      // First the failure, then the answer: whoever waits may look at it.
      this.#fail(error, 'write_failed');
      waiter?.reject(this.#failure);
      throw error;
    }
  }

  #linkQueued(): void {
    for (const entry of this.#queue.take()) this.#writer.link(entry);
  }

  /** The log is open again: the gap comes first, then what had not got through. */
  #resume(opened: Opened, reason: string): void {
    this.#queue.putBack(opened.left);
    this.#queue.addGap(this.#now(), opened.missing ?? reason);
  }

  #fail(error: unknown, reason: string): void {
    const first = this.#failure === undefined;
    this.#failure = unavailable(error);
    this.#failureReason = reason;
    this.#waiter?.reject(this.#failure);
    this.#waiter = undefined;
    if (first) this.#options.onFailure?.(this.#failure);
    if (this.#running === undefined) this.#armTimers();
  }

  #armTimers(): void {
    if (this.#closed) return;
    if (this.#failure !== undefined) {
      this.#retryTimer ??= setTimeout(() => {
        this.#retryTimer = undefined;
        this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs);
        if (this.#failure !== undefined) void this.#kick();
      }, this.#retryMs).unref();
      return;
    }
    this.#linkQueued();
    if (this.#writer.heldBytes > 0) this.#armBatch();
    if (this.#writer.unanchored > 0) {
      this.#checkpointTimer ??= setTimeout(() => {
        this.#checkpointTimer = undefined;
        this.#due ??= 'interval';
        if (this.#failure === undefined) void this.#kick();
      }, checkpointMs).unref();
    }
  }

  #armBatch(): void {
    this.#batchTimer ??= setTimeout(() => void this.#kick(), batchMs);
  }
}
