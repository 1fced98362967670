import type { Reply } from '../../call.ts';
import { EventSplitter, eventData } from '../event-stream.ts';
import { parseJson } from '../json.ts';
import type { AnswerContext, ModelUsage } from '../message.ts';
import { bodyForm, PassingReply } from '../passing-reply.ts';
import { most, usageIn } from './usage.ts';

/** Beyond this an answer, or one event of it, is passed on unread, and its usage is not known. */
const largestReadBytes = 4 * 1024 * 1024;

/** Passes a model's answer on as it comes, and reads from it how many tokens were used. */
export class UsageReply extends PassingReply {
  readonly #context: AnswerContext;
  #usage: ModelUsage | undefined;
  #events: EventSplitter | undefined;
  #json: Uint8Array[] | undefined;
  #jsonBytes = 0;

  constructor(to: Reply, context: AnswerContext) {
    super(to);
    this.#context = context;
  }

  override start(status: number, headers: string[], reason?: string): void {
    const { mediaType, coded } = bodyForm(headers);
    if (coded) return this.#context.cut('coding_unreadable');
    if (mediaType === 'text/event-stream') this.#events = new EventSplitter(largestReadBytes);
    else if (mediaType.endsWith('json')) this.#json = [];
    super.start(status, headers, reason);
  }

  override write(chunk: Uint8Array): boolean {
    this.#read(chunk);
    return super.write(chunk);
  }

  override end(chunk?: Uint8Array, trailers?: readonly [string, string][]): void {
    if (chunk !== undefined) this.#read(chunk);
    if (this.#json !== undefined) this.#note(Buffer.concat(this.#json));
    super.end(chunk, trailers);
  }

  #read(chunk: Uint8Array): void {
    if (this.#json !== undefined) {
      this.#jsonBytes += chunk.length;
      this.#json.push(chunk);
      if (this.#jsonBytes > largestReadBytes) this.#json = undefined;
    }
    if (this.#events === undefined) return;
    const events = this.#events.push(chunk);
    if (events === undefined) this.#events = undefined;
    else this.#context.passed(events.length);
    for (const event of events ?? []) {
      // Most events are words of the answer, and no figures.
      if (event.includes('sage')) this.#note(Buffer.from(eventData(event) ?? ''));
    }
  }

  #note(json: Buffer): void {
    const answer = parseJson(json);
    const usage = answer === undefined ? undefined : usageIn(answer);
    if (usage === undefined) return;
    this.#usage = most(this.#usage, usage);
    this.#context.used(this.#usage);
  }
}
