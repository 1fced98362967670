import type { Door } from '../call.ts';
import type { ErrorCode } from '../errors.ts';

/** The final event of one call; exactly one on every path. Query values and secrets only as keyed digests. Times: epoch ms, durations ms. */
export interface CallEvent {
  readonly kind: 'call' | 'call.started';
  readonly call: string;
  readonly door: Door;
  readonly agent?: string | undefined;
  readonly subject?: string | undefined;
  readonly task?: string | undefined;
  readonly intent?: string | undefined;
  readonly destination?: string | undefined;
  /** `destination group resource`. */
  readonly operation?: string | undefined;
  readonly method: string;
  readonly host?: string | undefined;
  readonly path?: string | undefined;
  readonly query?: readonly string[] | undefined;
  readonly query_digest?: string | undefined;
  readonly decision?: 'allow' | 'deny' | 'would_deny' | undefined;
  readonly policies?: readonly string[] | undefined;
  /** What policies would have decided if those that are tried out were in force, where that is something else, and which would. */
  readonly trial?: { readonly decision: 'allow' | 'deny'; readonly policies: readonly string[] } | undefined;
  /** What a policy engine elsewhere calls its decision, in its own log. */
  readonly decision_id?: string | undefined;
  /** Where that is switched on: what the policies in scope read, by attribute; nothing of it is a secret. */
  readonly inputs?: Readonly<Record<string, unknown>> | undefined;
  readonly policy_digest?: string | undefined;
  readonly planned?: boolean | undefined;
  /** Someone's yes that it went with. */
  readonly approval?: string | undefined;
  readonly lease?: string | undefined;
  readonly legacy?: boolean | undefined;
  /** Status that the client was sent, or would have been had it not left (499). */
  readonly status?: number | undefined;
  /** The destination's, or with `upstream_proxy_…` that proxy's, where the client was sent another. */
  readonly received_status?: number | undefined;
  /** The destination's `grpc-status`. */
  readonly grpc_status?: number | undefined;
  /** Why the call was refused or did not complete. */
  readonly code?: ErrorCode | undefined;
  readonly request_bytes: number;
  readonly response_bytes: number;
  readonly received_at: number;
  readonly duration_ms: number;
  /** The checked address that was dialled. */
  readonly upstream?: string | undefined;
  /** The destination was reached through the upstream proxy, whose address `upstream` then is: nobody here knows the destination's. */
  readonly address?: 'unchecked' | undefined;
  readonly removed?: readonly string[] | undefined;
  /** What a model has used for the answer, as its provider says. */
  readonly usage?: { readonly input_tokens: number; readonly output_tokens: number } | undefined;
}

/** `refused`: nothing was issued after `issuing`. `unknown`: nobody knows whether something was; it lives no longer than `dead_by`. */
export interface CredentialEvent {
  readonly kind: `credential.${'issuing' | 'issued' | 'refused' | 'revoked' | 'revocation_failed' | 'expired' | 'unknown'}`;
  readonly lease: string;
  readonly task: string;
  readonly agent?: string | undefined;
  readonly destination: string;
  readonly provider: string;
  readonly audience?: string | undefined;
  readonly scope?: string | undefined;
  readonly expires_at?: number | undefined;
  readonly fingerprint?: string | undefined;
  readonly proof?: 'introspected' | 'accepted' | undefined;
  readonly dead_by?: number | undefined;
  readonly shared?: boolean | undefined;
  readonly legacy?: boolean | undefined;
  /** Our own words. */
  readonly reason?: string | undefined;
}

/** A destination echoed the credential of a call, and it was masked: the first echo in the answer. */
export interface ReflectionEvent {
  readonly kind: 'credential.reflected';
  readonly call: string;
  readonly lease: string;
  readonly task: string;
  readonly agent?: string | undefined;
  readonly destination: string;
  readonly provider: string;
  readonly form: 'exact' | 'percent' | 'json' | 'html' | 'base64';
  readonly place: 'header' | 'body' | 'trailer';
}

export interface TaskEvent {
  readonly kind: `task.${'opened' | 'paused' | 'resumed' | 'completed' | 'expired' | 'revoked' | 'refused'}`;
  readonly task?: string | undefined;
  readonly agent?: string | undefined;
  readonly subject?: string | undefined;
  readonly intent?: string | undefined;
  readonly origin?: string | undefined;
  /** Role or cause: `operator`, `orchestrator`, `agent`, `ttl`, `shutdown`. */
  readonly by?: string | undefined;
  readonly expires_at?: number | undefined;
  readonly code?: ErrorCode | undefined;
}

export interface PrivilegeEvent {
  readonly kind: 'privilege.changed';
  /** What changed: `policy`, `config`, `observe`, `unsafe`, `mint`, `self_declared`, … */
  readonly change: string;
  readonly task?: string | undefined;
  readonly call?: string | undefined;
  readonly detail: string;
  readonly digest?: string | undefined;
}

/** Policy wants someone's yes for an operation; a yes is a `privilege.changed`. */
export interface ApprovalEvent {
  readonly kind: 'approval.requested' | 'approval.denied';
  readonly approval: string;
  readonly task: string;
  readonly call?: string | undefined;
  readonly operation: string;
  readonly rule: string;
  /** SHA-256 over the operation and its arguments. */
  readonly digest: string;
  readonly by?: string | undefined;
  readonly expires_at?: number | undefined;
}

/** A tool of an MCP server is not what it was, or not told apart from another. */
export interface ToolEvent {
  readonly kind: 'tool.changed';
  readonly task: string;
  readonly call: string;
  readonly destination: string;
  readonly tool: string;
  readonly what: string;
}

export interface IdentityEvent {
  readonly kind: 'identity.rotated';
  readonly agent: string;
  readonly expires_at: number;
}

export interface AgentEvent {
  readonly kind: 'agent.registered' | 'agent.deregistered';
  readonly agent: string;
  readonly detail?: string | undefined;
}

/** Something is missing here, and why: a torn last line, a failed disk, refusals that were summed up. */
export interface GapEvent {
  readonly kind: 'gap';
  readonly reason: string;
  readonly lost?: number | undefined;
}

/** Refusals without events of their own, summed over a second: of callers without a known task, or those of one task beyond so many. */
export interface RefusalsEvent {
  readonly kind: 'call.refused';
  readonly task?: string | undefined;
  readonly count: number;
  readonly codes: Readonly<Record<string, number>>;
}

export type AuditEvent =
  | CallEvent
  | CredentialEvent
  | ReflectionEvent
  | TaskEvent
  | PrivilegeEvent
  | ApprovalEvent
  | ToolEvent
  | IdentityEvent
  | AgentEvent
  | GapEvent
  | RefusalsEvent;

/** In order; settles once as durable as configured; a failure is sticky until the log is reopened. */
export interface AuditSink extends AsyncDisposable {
  /**
   * Takes an event. `batched`: returns nothing, on disk within 50 ms. `strict`: a promise that settles when it is on disk, and rejects
   * with `audit_unavailable`. While the log has failed, the event is counted for the `gap` event and nothing is thrown.
   */
  append(event: AuditEvent): void | Promise<void>;
  /** `strict`: a call's permit must be on disk before the dial. */
  readonly durability: 'batched' | 'strict';
  /** Why new calls must not start; undefined = healthy. Cheap: asked on every call. */
  readonly failure: Error | undefined;
  flush(): Promise<void>;
  /** Closes and opens the file again by its path (SIGHUP); clears a failure if that works. */
  reopen(): Promise<void>;
}
