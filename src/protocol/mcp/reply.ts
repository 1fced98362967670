import type { Reply } from '../../call.ts';
import type { ErrorCode } from '../../errors.ts';
import { HeldBytes } from '../../held-bytes.ts';
import { EventSplitter, eventData, withData } from '../event-stream.ts';
import type { JsonValue } from '../../json-value.ts';
import type { RequestId } from '../json-rpc.ts';
import { isObject, parseJson } from '../json.ts';
import { bodyForm, PassingReply } from '../passing-reply.ts';
import { isSession } from './headers.ts';
import { isWorthReading, remember, type Listener } from './inspect.ts';
import { filtered, isList, listIn, type List, type ListOptions } from './lists.ts';
import type { McpMemory } from './memory.ts';
import { Turns } from './turns.ts';

const largestBytes = 16 * 1024 * 1024;
/** What an answer that is no list says of later messages is short. */
const largestReadBytes = 1024 * 1024;

export interface McpReplyOptions extends ListOptions {
  /** `session/GET` and `session/DELETE` where it is no message. */
  readonly method: string;
  readonly id: RequestId | undefined;
  /** With the name of the tool, prompt or resource. */
  readonly call: string;
  readonly memory: McpMemory;
  readonly session: string | undefined;
}

/**
 * A server's answer on its way to the agent. Lists are held until they are filtered; everything else passes as it comes, streams event by event,
 * and is looked at for what later messages refer to.
 */
export class McpReply extends PassingReply {
  readonly #options: McpReplyOptions;
  readonly #held: HeldBytes;
  /** A list was asked for, and is to come. */
  #isList = false;
  #listener: Listener;
  #events: EventSplitter | undefined;
  /** The body so far, of JSON. */
  #json: Uint8Array[] | undefined;
  /** Of a list: waits for its first event, or for all of it. */
  #head: { readonly status: number; readonly headers: string[] } | undefined;
  readonly #turns = new Turns({ failed: () => this.#fail('policy_error'), done: () => this.#over || this.#onDrain?.() });
  #over = false;
  #onDrain: (() => void) | undefined;
  #onEnded: (() => void) | undefined;

  constructor(to: Reply, options: McpReplyOptions) {
    super(to);
    const { target, context, session, call } = options;
    this.#options = options;
    this.#held = new HeldBytes(largestBytes);
    this.#listener = { destination: target.destination.name, task: context.task.id, on: session ?? context.task.id, call };
  }

  /** What is held back is broken off like what has been sent. */
  override get started(): boolean {
    return this.#head !== undefined || super.started;
  }

  override start(status: number, headers: string[], reason?: string): void {
    const { mediaType, coded } = bodyForm(headers);
    const { method, memory, session } = this.#options;
    if (coded) return this.#fail('coding_unreadable');
    if (method === 'initialize') this.#learnSession(headers);
    if (session !== undefined && (status === 404 || (method === 'session/DELETE' && status < 300)))
      memory.closed(this.#listener.destination, session);
    if (mediaType === 'text/event-stream') this.#events = new EventSplitter(largestBytes);
    else if (mediaType === 'application/json') this.#json = [];
    this.#isList = isList(method) && status >= 200 && status < 300;
    if (this.#isList && this.#events === undefined && this.#json === undefined) return this.#fail('upstream_malformed');
    // What is filtered has another length.
    const own = this.#isList || this.#events !== undefined ? headers.filter((_, i) => headers[i - (i % 2)] !== 'content-length') : headers;
    if (this.#isList) this.#head = { status, headers: own };
    else super.start(status, own, reason);
  }

  override flush(): void {
    if (this.#head === undefined && !this.#over) super.flush();
  }

  override write(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#events !== undefined) return this.#split(this.#events, chunk);
    this.#collect(chunk);
    return this.#head !== undefined || this.#over || super.write(chunk);
  }

  override end(chunk?: Uint8Array, trailers?: readonly [string, string][]): void {
    if (this.#over) return;
    if (this.#events !== undefined) {
      if (chunk !== undefined) this.#split(this.#events, chunk);
      // Most clients dispatch nothing of an event that is not complete, but not all.
      const rest = this.#events?.rest();
      if (rest !== undefined && rest.length > 0) this.#take(rest);
      if (this.#turns.idle) this.#finish(undefined, trailers);
      else this.#turns.take(() => this.#finish(undefined, trailers));
      return;
    }
    if (chunk !== undefined) this.#collect(chunk);
    const whole = this.#json && Buffer.concat(this.#json);
    const list = whole && this.#read(whole);
    if (this.#head === undefined) {
      // It is under way already, and was not asked for here.
      if (list !== undefined) this.#fail('upstream_malformed');
      this.#finish(chunk, trailers);
    } else if (list === undefined) this.#finish(whole, trailers);
    else this.#turns.take(async () => this.#finish(Buffer.from(JSON.stringify(await filtered(list, this.#options))), trailers));
  }

  override breakOff(code?: ErrorCode): void {
    if (super.started) super.breakOff(code);
    this.#close();
  }

  override onDrain(listener: () => void): void {
    this.#onDrain = listener;
    super.onDrain(listener);
  }

  onEnded(listener: () => void): void {
    if (this.#over) listener();
    else this.#onEnded = listener;
  }

  #learnSession(headers: readonly string[]): void {
    const at = headers.findIndex((name, i) => i % 2 === 0 && name === 'mcp-session-id');
    const session = at === -1 ? undefined : headers[at + 1];
    if (session === undefined || !isSession(session)) return;
    const { destination, task } = this.#listener;
    this.#options.memory.opened(destination, session, task);
    this.#listener = { ...this.#listener, on: session };
  }

  /** Of JSON. What passes by and is too large to be read is remembered nothing of. */
  #collect(chunk: Uint8Array): void {
    if (this.#json === undefined) return;
    const full = this.#held.add(chunk.length);
    this.#json.push(chunk);
    if (this.#head !== undefined) {
      if (full !== undefined) this.#fail(full === 'too large' ? 'upstream_malformed' : 'overloaded');
    } else if (full !== undefined || this.#held.bytes > largestReadBytes) {
      this.#json = undefined;
      this.#held.release();
    }
  }

  /** False: what waits is told of when it has gone on. */
  #split(splitter: EventSplitter, chunk: Uint8Array): boolean {
    const before = splitter.heldBytes;
    const events = splitter.push(chunk);
    const full = this.#held.add(splitter.heldBytes - before);
    if (events === undefined || full !== undefined) {
      this.#fail(full === 'too many' ? 'overloaded' : 'upstream_malformed');
      return true;
    }
    let goesOn = true;
    for (const event of events) goesOn = this.#take(event) && goesOn;
    return goesOn;
  }

  #take(event: Buffer): boolean {
    const data = this.#isList || isWorthReading(event) ? eventData(event) : undefined;
    const list = data === undefined || data === '' ? undefined : this.#read(Buffer.from(data));
    if (list === undefined && this.#turns.idle) return this.#pass(event);
    this.#turns.take(
      list === undefined
        ? () => void this.#pass(event)
        : async () => void this.#pass(withData(event, JSON.stringify(await filtered(list, this.#options)))),
    );
    return false;
  }

  /** Remembers what later messages refer to; the list in it. Ends the call where a list was to come, and something else did. */
  #read(json: Buffer): List | undefined {
    if (!this.#isList && !isWorthReading(json)) return undefined;
    const message = parseJson(json);
    // Servers of 2025-03-26 may send batches. A list is in none.
    const messages = (Array.isArray(message) ? (message as readonly JsonValue[]) : [message]).filter(isObject);
    try {
      for (const each of messages) remember(each, this.#options.memory, this.#listener);
      const lists = messages.flatMap((each) => listIn(each, this.#options) ?? []);
      if (isObject(message) || (lists.length === 0 && !this.#isList)) return lists[0];
    } catch {
      // Told below.
    }
    this.#fail('upstream_malformed');
    return undefined;
  }

  #pass(bytes: Buffer): boolean {
    if (this.#over) return true;
    this.#startHeld();
    return super.write(bytes);
  }

  #finish(chunk: Uint8Array | undefined, trailers: readonly [string, string][] | undefined): void {
    if (this.#over) return;
    this.#startHeld();
    if (trailers === undefined) super.end(chunk);
    else super.end(chunk, trailers);
    this.#close();
  }

  #startHeld(): void {
    if (this.#head !== undefined) super.start(this.#head.status, this.#head.headers);
    this.#head = undefined;
  }

  #fail(code: ErrorCode): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.context.cut(code);
    this.#close();
  }

  #close(): void {
    this.#over = true;
    this.#held.release();
    this.#head = undefined;
    this.#json = undefined;
    this.#events = undefined;
    this.#onEnded?.();
  }
}
