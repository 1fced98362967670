import { createHash } from 'node:crypto';
import type { Destination } from '../destination.ts';
import { z } from '../settings.ts';
import { checkPolicies } from './cedar-check.ts';
import { createEngine, type PolicySet } from './cedar-engine.ts';
import { readPolicies } from './cedar-source.ts';
import { loadCedar, type Cedar } from './cedar-wasm.ts';
import { cached } from './decision-cache.ts';
import { forListing } from './listing.ts';
import { heedingGet } from './handshakes.ts';
import { inputsBy } from './inputs.ts';
import type { AccessRequest, Decision, Explanation, PolicyDecisionPoint } from './policy.ts';
import { planOf } from './read-plan.ts';
import { vocabularyOf } from './schema.ts';
import { trialOf, tryingOut } from './trial.ts';

export const kind = 'cedar';

export const config = z.strictObject({ engine: z.literal(kind), directory: z.string().min(1).default('config/policies') });

export interface CedarDependencies {
  readonly destinations: readonly Destination[];
  /** By name; what an intent holds is not policy's business. */
  readonly intents: Readonly<Record<string, unknown>>;
  /** Policies decide as they will once nothing is tried out any more: for fixtures and replays. */
  readonly allInForce?: boolean;
}

/** Decides and explains without waiting for anything. */
export interface CedarPolicy extends PolicyDecisionPoint {
  decide(request: AccessRequest): Decision;
  explain(request: AccessRequest): Explanation;
}

/** Loads every `*.cedar` file of the directory. Throws with all problems, one a line, when one policy cannot be relied on. */
export function create(
  { directory }: z.output<typeof config>,
  { destinations, intents, allInForce = false }: CedarDependencies,
): CedarPolicy {
  const cedar = loadCedar();
  const vocabulary = vocabularyOf(destinations, Object.keys(intents));
  const { policies, problems } = readPolicies(cedar, directory);
  const checked = checkPolicies(cedar, { policies, vocabulary });
  const trial = trialOf(policies);
  const all = [...problems, ...checked.problems, ...trial.problems];
  if (all.length > 0) throw new Error(all.join('\n'));
  const plan = planOf(policies, vocabulary);
  const without = (tried: ReadonlySet<string>): ReturnType<typeof decider> => {
    const inForce = policies.filter(({ id }) => !tried.has(id));
    return decider(loadCedar(), { policies: inForce, vocabulary });
  };
  const empty = policies.length === 0 ? [`${directory} holds no policies: every call is denied`] : [];
  const byAll = decider(cedar, { policies, vocabulary });
  return {
    ...(allInForce ? byAll : tryingOut(byAll, trial, without)),
    tried: trial.until,
    inputs: inputsBy(plan),
    sources: policies.map(({ id, file, line }) => ({ id, file, line })),
    warnings: [...empty, ...checked.warnings, ...trial.warnings, ...plan.warnings],
    digest: createHash('sha256')
      .update(JSON.stringify([vocabulary.schema, policies.map(({ id, text }) => [id, text])]))
      .digest('base64url'),
  };
}

/** All that decides by one set of policies. */
function decider(cedar: Cedar, { policies, vocabulary }: PolicySet) {
  const open = forListing(cedar, policies);
  const listing = open && cached(createEngine(loadCedar(), { policies: open, vocabulary }), planOf(open, vocabulary));
  return asAsked(heedingGet(cached(createEngine(cedar, { policies, vocabulary }), planOf(policies, vocabulary))), listing);
}

/** Lists are decided apart. */
function asAsked<P extends Pick<CedarPolicy, 'decide'>>(policy: P, listing: Pick<CedarPolicy, 'decide'> | undefined): P {
  if (listing === undefined) return policy;
  return { ...policy, decide: (request: AccessRequest) => (request.listing === true ? listing.decide(request) : policy.decide(request)) };
}
