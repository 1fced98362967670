import type { AuditSink, CallEvent, PrivilegeEvent } from './audit/audit.ts';
import type { InboundCall, Outcome, Reply } from './call.ts';
import { capped, cappedList } from './capped.ts';
import type { Credential } from './credentials/credential.ts';
import { isRefusal, refuse, statusOf, type ErrorCode, type Refusal } from './errors.ts';
import { queryNames } from './fields.ts';
import type { Fingerprint } from './fingerprint.ts';
import { holdBody, type HeldBody } from './message-body.ts';
import type { MessageSource, ModelUsage, Telling } from './protocol/message.ts';
import { operationName, type Operation } from './protocol/operation.ts';
import type { Target } from './destination.ts';
import type { Permit } from './policy/policy.ts';
import type { Decision } from './policy/policy.ts';
import type { Charge, Task } from './tasks/task.ts';

const noCharge: Charge = Object.freeze({});

/** What becomes known of one call on its way through the spine, and the one place that turns it into its audit events. Also what its task cuts. */
export class CallRecord implements MessageSource {
  readonly call: InboundCall;
  readonly reply: Reply;
  task: Task | undefined;
  target: Target | undefined;
  operation: Operation | undefined;
  decision: Decision | undefined;
  permit: Permit | undefined;
  credential: Credential | undefined;
  /** Someone's yes to this call. */
  approval: string | undefined;
  /** The body, where the protocol's messages are read. */
  held: HeldBody | undefined;
  /** How the refusal is told, where the protocol has its own words. */
  telling: Telling | undefined;
  usage: ModelUsage | undefined;
  /** Of a model's answer. */
  answerEvents = 0;
  /** What it took off the budgets. */
  charge: Charge = noCharge;
  outcome: Outcome | undefined;
  agent: string | undefined;
  planned: boolean | undefined;
  policyDigest: string | undefined;
  /** The task has counted this call as running. */
  begun = false;
  seat = -1;
  #startTold = false;
  #queryNames: readonly string[] | undefined;
  #cutCode: ErrorCode | undefined;
  #onCut: ((code: ErrorCode) => void) | undefined;

  constructor(call: InboundCall, reply: Reply) {
    this.call = call;
    this.reply = reply;
  }

  get cutCode(): ErrorCode | undefined {
    return this.#cutCode;
  }

  get headers(): readonly string[] {
    return this.call.headers;
  }

  async read(limitBytes: number): Promise<Buffer | Refusal> {
    if (this.held === undefined) {
      const held = await holdBody(this.call, this.reply, limitBytes);
      if (isRefusal(held)) return held;
      this.held = held;
    }
    return this.held.bytes.length > limitBytes ? refuse('body_too_large') : this.held.bytes;
  }

  get operationName(): string {
    return this.target === undefined || this.operation === undefined ? '' : operationName(this.target, this.operation);
  }

  /** Of the query's parameters, read once. */
  get queryNames(): readonly string[] {
    return (this.#queryNames ??= queryNames(this.call.requested.query));
  }

  cut(code: ErrorCode): void {
    if (this.#cutCode !== undefined) return;
    this.#cutCode = code;
    this.#onCut?.(code);
  }

  onCut(listener: (code: ErrorCode) => void): void {
    this.#onCut = listener;
  }

  /** The event; `refusal` is what Exeat answers if the client has had nothing yet, or why the call did not complete. */
  event(kind: CallEvent['kind'], refusal: Refusal | undefined, fingerprint: Fingerprint): CallEvent {
    const { call, target, operation, task, outcome, decision } = this;
    const { query } = call.requested;
    const status = refusal === undefined || this.reply.started ? outcome?.status : (this.telling?.status ?? statusOf(refusal.refused));
    return {
      kind,
      call: call.id,
      door: call.caller.door,
      agent: this.agent,
      subject: task?.subject,
      task: task?.id,
      intent: task?.intent,
      destination: target?.destination.name,
      operation: operation === undefined ? undefined : capped(this.operationName, fingerprint),
      method: call.method,
      host: target?.host ?? (call.requested.door === 'route' ? undefined : call.requested.host),
      path: capped((target ?? call.requested).path, fingerprint),
      query: query === '' ? undefined : cappedList(this.queryNames),
      query_digest: query === '' ? undefined : fingerprint(query),
      decision: decision === undefined ? undefined : this.permit === undefined ? 'deny' : this.permit.observed ? 'would_deny' : 'allow',
      policies: decision?.policies,
      trial: decision?.trial && { decision: decision.trial.allow ? 'allow' : 'deny', policies: decision.trial.policies },
      decision_id: decision?.id,
      inputs: decision?.inputs,
      policy_digest: this.policyDigest,
      planned: this.planned,
      approval: this.approval,
      lease: this.credential?.lease.id,
      legacy: this.credential?.lease.legacy === true ? true : undefined,
      status,
      received_status: outcome?.status === status ? undefined : outcome?.status,
      grpc_status: outcome?.grpcStatus,
      code: refusal?.refused,
      request_bytes: outcome?.requestBytes ?? 0,
      response_bytes: outcome?.responseBytes ?? 0,
      received_at: call.receivedAt,
      duration_ms: Date.now() - call.receivedAt,
      upstream: outcome?.upstreamAddress,
      address: (outcome !== undefined || kind === 'call.started') && target !== undefined && isUnchecked(target) ? 'unchecked' : undefined,
      usage: this.usage && { input_tokens: this.usage.inputTokens, output_tokens: this.usage.outputTokens },
      removed: outcome === undefined || outcome.removed.length === 0 ? undefined : outcome.removed,
    };
  }

  /** `call.started`, once. */
  tellStarted({ sink }: CallLog, fingerprint: Fingerprint): void | Promise<void> {
    if (this.#startTold) return;
    this.#startTold = true;
    return sink.append(this.event('call.started', undefined, fingerprint));
  }

  /** Before it is forwarded: what it creates may outlive its task. */
  mintEvent(fingerprint: Fingerprint): PrivilegeEvent {
    const { call, task, operationName: name } = this;
    return { kind: 'privilege.changed', change: 'mint', task: task?.id, call: call.id, detail: capped(name, fingerprint) };
  }
}

/** The upstream proxy resolves the name. */
function isUnchecked({ destination, host }: Target): boolean {
  return destination.proxyFor?.(host) !== undefined;
}

/** Where events of calls go: the log itself, and the sum of refusals that are to have no event of their own. */
export interface CallLog {
  readonly sink: AuditSink;
  /** True: a refusal of this task, or of none, is counted there. */
  summed(code: ErrorCode, task: string | undefined): boolean;
}
