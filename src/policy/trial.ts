import { datedText } from '../dated.ts';
import { date } from '../settings.ts';
import type { PolicySource } from './cedar-source.ts';
import type { AccessRequest, Decision, Explanation } from './policy.ts';

/** The annotation of a policy that is tried out until that day: `@observe("2027-01-31")`. */
export const observe = 'observe';

export interface Trial {
  /** By policy, epoch ms. */
  readonly until: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Which policies are tried out, as they say it themselves. */
export function trialOf(policies: readonly PolicySource[], now = Date.now()): Trial {
  const until = new Map<string, number>();
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const { id, file, line, json } of policies) {
    const text = json.annotations?.[observe];
    if (text === undefined) continue;
    const read = date.safeParse(text);
    const say = (message: string): string => `${file}:${line} policy "${id}": ${message}`;
    if (!read.success) {
      problems.push(say('"@observe" takes the day until which it is tried out, such as @observe("2027-01-31")'));
      continue;
    }
    until.set(id, read.data);
    const running = `it is tried out until ${text}, and not in force`;
    warnings.push(say(datedText(read.data, now, { past: `@observe("${text}") has passed: it is in force`, running })));
  }
  return { until, problems, warnings };
}

interface Decides {
  decide(request: AccessRequest): Decision;
  explain(request: AccessRequest): Explanation;
}

/**
 * Decides without the policies that are tried out, and says where they would decide otherwise: what they would deny goes and is marked, what they
 * would permit does not. What creates standing access is not tried out: what they forbid of it is forbidden.
 */
export function tryingOut<P extends Decides>(policy: P, { until }: Trial, make: (without: ReadonlySet<string>) => Decides): P {
  if (until.size === 0) return policy;
  const sets = new Map<string, Decides>();
  // At once: nothing is made on a call's time until a day has passed.
  inForceAt(Date.now());

  /** The policies that are in force at that time; each set of them is made once. */
  function inForceAt(time: number): Decides {
    const tried = [...until].filter(([, end]) => time < end).map(([id]) => id);
    if (tried.length === 0) return policy;
    const key = tried.join('\n');
    const known = sets.get(key) ?? make(new Set(tried));
    sets.set(key, known);
    return known;
  }

  return {
    ...policy,
    decide(request) {
      const set = inForceAt(request.time);
      const decision = set.decide(request);
      return set === policy ? decision : marked(request, decision, policy.decide(request));
    },
    explain(request) {
      const set = inForceAt(request.time);
      const explanation = set.explain(request);
      if (set === policy) return explanation;
      const all = policy.explain(request);
      const decision = marked(request, explanation.decision, all.decision);
      return decision === all.decision ? all : { ...explanation, decision };
    },
  };
}

/** The decision that is in force, with what that of all policies is where it is another. */
function marked({ operation }: AccessRequest, decision: Decision, all: Decision): Decision {
  if (decision.allow === all.allow || decision.error !== undefined) return decision;
  if (operation.group === 'mint' && !all.allow) return all;
  return { ...decision, trial: { allow: all.allow, policies: all.policies } };
}
