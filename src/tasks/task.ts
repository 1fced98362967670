import type { Caller } from '../call.ts';
import type { ErrorCode, Refusal } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { z } from '../settings.ts';
import type { Limits } from './limits.ts';

export type TaskState = 'open' | 'paused' | 'completed' | 'expired' | 'revoked';

/** Who opened the task. */
export type TaskOrigin = 'orchestrator' | 'self_declared' | 'default';

/** A unit of work. Only the task store changes `state`; everyone else reads it anew each time. */
export interface Task {
  readonly id: string;
  readonly intent: string;
  readonly origin: TaskOrigin;
  /** Principal id of the agent. */
  readonly agent: string;
  /** On whose behalf; undefined = the agent's own. */
  readonly subject: string | undefined;
  /** The intent was stated by someone other than the agent. */
  readonly attested: boolean;
  /** Names of the destinations that the intent allows. */
  readonly destinations: ReadonlySet<string>;
  /** Operations the task declared (`destination group resource`). */
  readonly plan: ReadonlySet<string>;
  readonly openedAt: number;
  readonly expiresAt: number;
  readonly state: TaskState;
}

/** Which task this call belongs to. undefined = "presents nothing I understand, ask the next one". */
export interface CallerAuthenticator {
  authenticate(caller: Caller): Task | Refusal | undefined;
}

/** A call, from its permit to its end. `cut` may come at any time: the call then ends at once with that code. */
export interface RunningCall {
  /** Written by the task's roster alone. */
  seat: number;
  cut(code: ErrorCode): void;
}

/** What a call takes off the budgets at its begin, beside one call. */
export interface Charge {
  /** `destination tool`. */
  readonly tool?: string;
  /** As many as the model may use by the request. */
  readonly tokens?: number;
  /** Of those, in millionths. */
  readonly cost?: number;
  /** A model whose price is not known. */
  readonly unpriced?: boolean;
}

/** What a call has used when it ends; undefined: it is not known, and what was taken stays taken. */
export interface Spent {
  readonly bytes: number;
  readonly tokens?: number | undefined;
  readonly cost?: number | undefined;
}

/** What the spine needs of tasks. */
export interface TaskGate extends CallerAuthenticator {
  /** Refuses a task that is not open, or an intent without this destination. */
  check(task: Task, destination: string): Refusal | undefined;
  /**
   * After the permit: checks the state anew, takes one call off the budgets (exact under concurrency) and registers the
   * call to be cut when the task ends. `operation` is written `destination group resource`.
   */
  begin(
    task: Task,
    use: { readonly operation: string; readonly charge: Charge },
    call: RunningCall,
  ): Refusal | undefined | Promise<Refusal | undefined>;
  /** Once for each `begin` that did not refuse. */
  end(task: Task, call: RunningCall, used: { readonly charge: Charge; readonly spent: Spent }): void;
  /** All calls that have begun and not ended. */
  running(): readonly RunningCall[];
  /** The task's plan names this operation; true for a task without a plan. */
  planned(task: Task, operation: string): boolean;
}

/** What is asked for when a task is opened. Ceilings narrow it without a word; the task says what was given. */
export interface OpenRequest {
  readonly intent: string;
  readonly ttlMs?: number | undefined;
  /** Operations, `destination group resource`. */
  readonly plan?: readonly string[] | undefined;
  /** How many calls it may make. */
  readonly calls?: number | undefined;
  /** What else it may use. */
  readonly limits?: Limits | undefined;
}

/** The credential is handed out here and never again. */
export interface OpenedTask {
  readonly task: Task;
  /** `<id>.<secret>`: for `Exeat-Task` and clients that send an API key. */
  readonly credential: Secret;
  /** The proxy URL that carries the credential. */
  readonly proxyUrl: Secret;
}

const at = z.iso.datetime();

/**
 * One credential of the task. While it lives `outcome` is `active`; afterwards what revoking it came to. `unknown`: the issuer's answer was
 * lost, so that nobody knows whether one lives until `dead_by`. Never a secret.
 */
const leaseReport = z.strictObject({
  lease: z.string(),
  destination: z.string(),
  outcome: z.enum(['active', 'revoked', 'pending', 'not_revocable', 'expired', 'unknown']),
  /** `introspected`: the issuer says it is dead; `accepted`: the issuer answered success. */
  proof: z.enum(['introspected', 'accepted']).optional(),
  /** From when every destination refuses it, also one that checks offline. null: it does not expire by itself. */
  dead_by: at.nullable(),
});

/** A task with what was planned and what was done, as the control API shows it. */
export const taskReport = z.strictObject({
  id: z.string(),
  intent: z.string(),
  origin: z.enum(['orchestrator', 'self_declared', 'default']),
  agent: z.string(),
  subject: z.string().nullable(),
  attested: z.boolean(),
  state: z.enum(['open', 'paused', 'completed', 'expired', 'revoked']),
  opened_at: at,
  expires_at: at,
  ended_at: at.optional(),
  ended_by: z.string().optional(),
  recorded: z.boolean().meta({ description: 'false: the state folder takes nothing, and a restart would find the state that was before' }),
  destinations: z.array(z.string()),
  calls: z.strictObject({ used: z.number(), running: z.number(), budget: z.number().nullable(), left: z.number().nullable() }),
  budgets: z
    .array(z.strictObject({ what: z.string(), limit: z.number(), used: z.number(), left: z.number() }))
    .meta({ description: 'beside calls: bytes, tokens, cost (in millionths), calls of tools' }),
  planned: z.array(z.string()),
  executed: z.array(z.strictObject({ operation: z.string(), calls: z.number() })),
  unplanned: z.array(z.string()),
  missed: z.array(z.string()),
  leases: z.array(leaseReport),
});

/** A line of the list: what a task is and where it stands. */
export const taskSummary = taskReport.omit({ budgets: true, planned: true, executed: true, unplanned: true, missed: true, leases: true });

export type TaskReport = z.output<typeof taskReport>;
export type TaskSummary = z.output<typeof taskSummary>;

/** What the control API and the commands need of tasks. `by` is a role or a cause, for the audit. An unknown id is `not_found`. */
export interface TaskControl {
  open(request: OpenRequest, by: 'orchestrator' | 'agent'): OpenedTask | Refusal;
  /** The task, ended or not, whose credential an `Authorization` field holds. */
  holder(presented: string): Task | undefined;
  get(id: string): Task | undefined;
  report(id: string): TaskReport | undefined;
  /** Newest first; ended ones too, for a while. */
  list(): readonly TaskSummary[];
  pause(id: string, by: string): TaskReport | Refusal;
  resume(id: string, by: string): TaskReport | Refusal;
  /** Settles when the leases are dealt with. Idempotent, as is `revoke`: a task that has ended answers with its report. */
  complete(id: string, by: string): Promise<TaskReport | Refusal>;
  /** Also keeps the agent from opening tasks for itself until `allow`. */
  revoke(id: string, by: string): Promise<TaskReport | Refusal>;
  allow(by: string): Refusal | undefined;
  readonly openCount: number;
}
