import type { AuditEvent } from '../audit/audit.ts';
import type { Reply } from '../call.ts';
import type { ErrorCode, Refusal } from '../errors.ts';
import type { Task } from '../tasks/task.ts';
import type { Operation } from './operation.ts';

/** The rest of a request, for protocols whose messages name what is done. */
export interface MessageSource {
  /** Flat `[name, value, …]` as received. */
  readonly headers: readonly string[];
  readonly task: Task | undefined;
  /** The whole body, empty when there is none; a refusal when it is longer, slow or broken off. What was read is what is forwarded. */
  read(limitBytes: number): Promise<Buffer | Refusal>;
}

/** One message of such a protocol: how its refusal is told, and what is done with its answer. Made by the protocol's classifier. */
export interface Message {
  /** The protocol's own words for a refusal; undefined: it is told as for any HTTP call. */
  refusal(refusal: Refusal, callId: string): Telling | undefined;
  /** The reply that the answer goes through on its way to the agent. The destination is asked for it in no content coding. */
  answer?(reply: Reply, context: AnswerContext): Reply;
}

/** A refusal in a protocol's own words. */
export interface Telling {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What an answer's reader may ask and tell. */
export interface AnswerContext {
  readonly callId: string;
  readonly task: Task;
  /** Whether the task could do each of these now, in their order. A hint for lists: the call itself is decided anew. */
  may(operations: readonly Operation[]): Promise<readonly boolean[]>;
  /** What the model has used so far in this answer; the last word counts. */
  used(usage: ModelUsage): void;
  /** So many more events of a model's answer have gone by: about a token each, where nothing better is told. */
  passed(events: number): void;
  tell(event: AuditEvent): void;
  /** Ends the call at once. */
  cut(code: ErrorCode): void;
}

/** Tokens of one answer of a model, as its provider counts them. */
export interface ModelUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}
