import { isRefusal, type Refusal } from './errors.ts';
import type { Stages } from './pipeline.ts';
import { decideAll, grant, undecided, type AccessRequest, type Decision } from './policy/policy.ts';
import { operationName, type Operation } from './protocol/operation.ts';
import { taught } from './teach.ts';

/** The decision about the part that is refused, or else about one that is only observed; nothing where all parts are simply permitted. */
export interface PartsDecided {
  readonly refusal?: Refusal;
  readonly decision?: Decision;
}

/** What the same message does besides is decided like it; nobody is asked for approval of a part. */
export async function allPermitted({ graph, tasks }: Stages, like: AccessRequest, operations: readonly Operation[]): Promise<PartsDecided> {
  const requests = operations.map((operation) => {
    const planned = tasks.planned(like.task, operationName(like.target, operation));
    return { ...like, operation, planned };
  });
  const decisions = await decideAll(graph.policy, requests);
  let observed: Decision | undefined;
  for (const [index, request] of requests.entries()) {
    const decision = decisions[index] ?? undecided;
    const permit = grant(request, decision);
    if (isRefusal(permit)) return { refusal: permit.refused === 'policy_denied' ? taught(graph, request, decision) : permit, decision };
    if (permit.observed) observed ??= { ...decision, policies: decision.trial?.policies ?? decision.policies };
  }
  return observed === undefined ? {} : { decision: observed };
}
