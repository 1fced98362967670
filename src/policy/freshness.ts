import { failed } from './engine-answer.ts';
import { decideAll, undecided, type AccessRequest, type Decision, type PolicyDecisionPoint } from './policy.ts';
import { actionOf } from './records.ts';
import { groupOf } from './schema.ts';

export interface Freshness {
  readonly mostMs: number;
  readonly confirmedAt: () => number;
  readonly now?: () => number;
}

/** The same policy, which decides nothing but reads when it has not been found to be the newest for too long. */
export function whileFresh(policy: PolicyDecisionPoint, { mostMs, confirmedAt, now = Date.now }: Freshness): PolicyDecisionPoint {
  const stale = (request: AccessRequest): Decision | undefined =>
    groupOf(actionOf(request)) === 'read' || now() - confirmedAt() <= mostMs
      ? undefined
      : failed('nobody could say for too long that the policy bundle is the newest');
  return {
    ...policy,
    decide: (request, signal) => stale(request) ?? policy.decide(request, signal),
    async decideAll(requests, signal) {
      const refused = requests.map(stale);
      const decisions = await decideAll(policy, requests, signal);
      return refused.map((decision, index) => decision ?? decisions[index] ?? undecided);
    },
    explain(request, signal) {
      const decision = stale(request);
      return decision === undefined ? policy.explain(request, signal) : { decision, policies: [], errors: [decision.error ?? ''] };
    },
  };
}
