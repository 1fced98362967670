import type { Reply } from '../../call.ts';
import type { ErrorCode } from '../../errors.ts';
import { EventSplitter, eventData } from '../event-stream.ts';
import { parseJson } from '../json.ts';
import { bodyForm, PassingReply } from '../passing-reply.ts';
import { isSession } from './headers.ts';
import { isWorthReading, remember, type Listener } from './inspect.ts';
import { filtered, isList, type ListOptions } from './lists.ts';
import type { McpMemory } from './memory.ts';

const largestBytes = 16 * 1024 * 1024;

export interface McpReplyOptions extends ListOptions {
  readonly memory: McpMemory;
  readonly session: string | undefined;
  /** Of the tool, prompt or resource. */
  readonly name: string | undefined;
}

/**
 * A server's answer on its way to the agent. Lists are held until they are filtered; everything else passes as it comes, event by event, and is
 * looked at for what later messages refer to.
 */
export class McpReply extends PassingReply {
  readonly #options: McpReplyOptions;
  #listener: Listener;
  #events: EventSplitter | undefined;
  #json: Uint8Array[] | undefined;
  #heldBytes = 0;
  #head: { readonly status: number; readonly headers: string[] } | undefined;
  /** What is being filtered, in order. */
  #queue: Promise<void> | undefined;
  #over = false;
  #onEnded: (() => void) | undefined;

  constructor(to: Reply, options: McpReplyOptions) {
    super(to);
    this.#options = options;
    const { target, context, session, method, name } = options;
    this.#listener = {
      destination: target.destination.name,
      task: context.task.id,
      on: session ?? context.task.id,
      call: `${method} ${name}`,
    };
  }

  override start(status: number, headers: string[], reason?: string): void {
    const { mediaType, coded } = bodyForm(headers);
    const { method, memory, session, context } = this.#options;
    const { destination } = this.#listener;
    if (coded) return context.cut('coding_unreadable');
    if (method === 'initialize') this.#learnSession(headers);
    if (session !== undefined && (status === 404 || (method === 'DELETE' && status < 300))) memory.closed(destination, session);
    if (mediaType === 'text/event-stream') this.#events = new EventSplitter(largestBytes);
    else if (mediaType === 'application/json') this.#json = [];
    if (isList(method) && status === 200) {
      if (this.#events === undefined && this.#json === undefined) return context.cut('upstream_malformed');
      this.#head = { status, headers: headers.filter((_, i) => headers[i - (i % 2)] !== 'content-length') };
      this.#queue = Promise.resolve();
      return;
    }
    super.start(status, headers, reason);
  }

  override flush(): void {
    if (this.#queue === undefined) super.flush();
  }

  override write(chunk: Uint8Array): boolean {
    if (this.#queue !== undefined) {
      this.#take(chunk);
      return true;
    }
    this.#look(chunk);
    return super.write(chunk);
  }

  override end(chunk?: Uint8Array, trailers?: readonly [string, string][]): void {
    if (this.#queue === undefined) {
      if (chunk !== undefined) this.#look(chunk);
      if (this.#json !== undefined) this.#remember(Buffer.concat(this.#json));
      this.#over = true;
      return super.end(chunk, trailers);
    }
    if (chunk !== undefined) this.#take(chunk);
    const whole = this.#json;
    this.#queue = this.#queue
      .then(async () => whole && this.#pass(await this.#listOf(Buffer.concat(whole))))
      .then(
        () => this.#finish(trailers),
        () => this.#fail('upstream_malformed'),
      );
  }

  override breakOff(code?: ErrorCode): void {
    this.#over = true;
    super.breakOff(code);
    this.#onEnded?.();
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

  /** Passes by; what is too large to be looked at is remembered nothing of. */
  #look(chunk: Uint8Array): void {
    if (this.#json !== undefined) {
      this.#heldBytes += chunk.length;
      this.#json.push(chunk);
      if (this.#heldBytes > largestBytes) this.#json = undefined;
    }
    if (this.#events === undefined) return;
    const events = this.#events.push(chunk);
    if (events === undefined) return this.#options.context.cut('upstream_malformed');
    for (const event of events) if (isWorthReading(event)) this.#remember(Buffer.from(eventData(event) ?? ''));
  }

  #remember(json: Buffer): void {
    const message = isWorthReading(json) ? parseJson(json) : undefined;
    if (message !== undefined) remember(message, this.#options.memory, this.#listener);
  }

  /** Held back until it is filtered. */
  #take(chunk: Uint8Array): void {
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > largestBytes) return this.#fail('upstream_malformed');
    this.#json?.push(chunk);
    for (const event of this.#events?.push(chunk) ?? []) {
      this.#queue = this.#queue?.then(async () => this.#pass(await this.#eventOf(event)));
    }
  }

  async #eventOf(event: Buffer): Promise<Buffer> {
    const data = eventData(event);
    if (data === undefined || data === '') return event;
    const list = await this.#listOf(Buffer.from(data));
    const other = event
      .toString('utf8')
      .split(/\r\n|\n|\r/)
      .filter((line) => line !== '' && line !== 'data' && !line.startsWith('data:'));
    return Buffer.from([...other, `data: ${list.toString()}`, '', ''].join('\n'));
  }

  async #listOf(json: Buffer): Promise<Buffer> {
    const message = parseJson(json);
    const list = message === undefined ? undefined : await filtered(message, this.#options);
    if (list === undefined) throw new TypeError('the answer is no list');
    return Buffer.from(JSON.stringify(list));
  }

  #pass(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#head !== undefined) super.start(this.#head.status, this.#head.headers);
    this.#head = undefined;
    super.write(bytes);
  }

  #finish(trailers: readonly [string, string][] | undefined): void {
    if (this.#over) return;
    if (this.#head !== undefined) super.start(this.#head.status, this.#head.headers);
    this.#over = true;
    if (trailers === undefined) super.end();
    else super.end(undefined, trailers);
    this.#onEnded?.();
  }

  #fail(code: ErrorCode): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.context.cut(code);
    this.#onEnded?.();
  }
}
