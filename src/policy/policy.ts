import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Target } from '../destination.ts';
import { refuse, type Refusal } from '../errors.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { Histogram } from '../histogram.ts';
import type { Principal } from '../identity/identity.ts';
import type { Operation } from '../protocol/operation.ts';
import type { Task } from '../tasks/task.ts';

/** Subject, action, resource, context (AuthZEN 1.0 §5), in our own types. */
export interface AccessRequest {
  readonly principal: Principal;
  readonly task: Task;
  /** The task's plan names this operation, or it has no plan. */
  readonly planned: boolean;
  readonly target: Target;
  readonly operation: Operation;
  /** Asked for a list of what the task may do: what policy makes of arguments is left open. */
  readonly listing?: boolean;
  /** Epoch ms. */
  readonly time: number;
}

/** The policy's answer. `allow: false` unless a policy said an explicit yes and nothing failed. */
export interface Decision {
  readonly allow: boolean;
  /** Ids of the policies that determined it, file and position or their `@id`; empty = default deny. */
  readonly policies: readonly string[];
  /** Only after someone has said yes to this very call; with `allow: true`. */
  readonly approval?: Approval;
  /** What it would be if the policies that are only tried out were in force, where that is something else. */
  readonly trial?: { readonly allow: boolean; readonly policies: readonly string[] };
  /** Set when evaluation failed; the message is for operators. Always with `allow: false`. */
  readonly error?: string;
  /** What the engine itself calls this decision, where it says so. */
  readonly id?: string;
  /** For the audit, where it asks for them. */
  readonly inputs?: Inputs;
}

/** What policy wants a human's yes for. */
export interface Approval {
  /** The policy that asks for it. */
  readonly rule: string;
}

/** What policies in the scope of one request read of it, by attribute (`context.http.path`); of what may be secret a keyed digest. */
export type Inputs = Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>;

export interface PolicyPlace {
  readonly id: string;
  readonly file: string;
  readonly line: number;
}

/** A decision and where the policies that determined it stand. */
export interface Explanation {
  readonly decision: Decision;
  readonly policies: readonly (Pick<PolicyPlace, 'id'> & Partial<PolicyPlace>)[];
  /** What failed, policy by policy; empty unless `decision.error` is set. */
  readonly errors: readonly string[];
}

export interface DecisionCounts {
  readonly cached: number;
  readonly evaluated: number;
  /** Of an engine that is asked over the network. */
  readonly remote?: RemoteCounts;
}

export interface RemoteCounts {
  /** How long answers and failures took. */
  readonly durations: Histogram;
  readonly failed: number;
  /** It failed so often that it is left alone for a moment: calls are refused unasked. */
  readonly paused: boolean;
}

/** Decides; never enforces. Anything but an explicit allow is a deny: undefined, timeout, parse error, evaluation error, unknown obligation. */
export interface PolicyDecisionPoint {
  decide(request: AccessRequest, signal?: AbortSignal): Decision | Promise<Decision>;
  /** As `decide` for each, in order, where the engine has a shorter way; see `decideAll`. */
  decideAll?(requests: readonly AccessRequest[], signal?: AbortSignal): Promise<readonly Decision[]>;
  /** A dry run of `decide`, never from a cache. */
  explain(request: AccessRequest, signal?: AbortSignal): Explanation | Promise<Explanation>;
  /** Off the hot path: only asked for where the audit records it. */
  inputs(request: AccessRequest, fingerprint: Fingerprint): Inputs;
  /** Paths of all attributes that policies in the scope of a request may read; absent where the engine does not tell. */
  mentioned?(request: AccessRequest): readonly string[];
  /** Every policy that is loaded; absent where the engine does not have them one by one. */
  readonly sources?: readonly PolicyPlace[];
  /** Policies that are tried out, and until when (epoch ms). */
  readonly tried?: ReadonlyMap<string, number>;
  /** What `exeat check` should say about the loaded policies; they are in force all the same. */
  readonly warnings: readonly string[];
  /** SHA-256 over the loaded policies and schema, base64url; of an engine elsewhere, over how it is asked. In every `call` event. */
  readonly digest: string;
  /** What the policies call their own version, where they came as a bundle. */
  readonly revision?: string | undefined;
  /** When they were last found to be the newest (epoch ms), where they came as a bundle. */
  confirmedAt?(): number;
  /** Decisions since it was loaded, by where they came from. */
  readonly counts: DecisionCounts;
}

const atOnce = 16;

/** What stands where there is no decision. */
export const undecided: Decision = { allow: false, policies: [], error: 'nothing was decided' };

/** Many decisions of one engine, in order: as it does it itself, else a few at a time. */
export async function decideAll(
  policy: Pick<PolicyDecisionPoint, 'decide' | 'decideAll'>,
  requests: readonly AccessRequest[],
  signal?: AbortSignal,
): Promise<readonly Decision[]> {
  if (policy.decideAll !== undefined) return policy.decideAll(requests, signal);
  const decisions: Decision[] = [];
  for (let from = 0; from < requests.length; from += atOnce) {
    const some = requests.slice(from, from + atOnce).map(async (request) => policy.decide(request, signal));
    decisions.push(...(await Promise.all(some)));
    // Lists may be long: other calls go on meanwhile.
    if (decisions.length < requests.length) await nextTurn();
  }
  return decisions;
}

declare const granted: unique symbol;

/** Evidence that a call may go. Only `grant` makes one; obtaining a credential and dialling both demand it. */
export interface Permit {
  readonly [granted]: true;
  readonly request: AccessRequest;
  readonly decision: Decision;
  /** Policy denied, or one that is tried out would, and that is being observed: the call goes and is marked `would_deny`. */
  readonly observed: boolean;
}

/**
 * Turns a decision into a permit or a refusal. Neither a `mint` operation nor one that could not be evaluated is observed into being.
 * `approval`: someone has said yes to it, where that is what policy asks for.
 */
export function grant(request: AccessRequest, decision: Decision, approval?: string): Permit | Refusal {
  const permit = (observed: boolean) => ({ request, decision, observed }) as Permit;
  if (decision.error !== undefined) return refuse('policy_error');
  const lacksApproval = decision.approval !== undefined && approval === undefined;
  if (decision.allow && !lacksApproval) return permit(decision.trial?.allow === false);
  const { observeUntil } = request.target.destination;
  if (observeUntil !== undefined && request.time < observeUntil && request.operation.group !== 'mint') return permit(true);
  return refuse(decision.allow ? 'approval_required' : 'policy_denied');
}
