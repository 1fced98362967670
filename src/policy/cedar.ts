import { createHash } from 'node:crypto';
import type { Destination } from '../destination.ts';
import { z } from '../settings.ts';
import type { Bundle } from './bundle.ts';
import { checkPolicies } from './cedar-check.ts';
import { createEngine, type PolicySet } from './cedar-engine.ts';
import { parsePolicies, readPolicyFiles, type PolicyFile } from './cedar-source.ts';
import { loadCedar, type Cedar } from './cedar-wasm.ts';
import { cached } from './decision-cache.ts';
import { bundleConfig } from './engine-config.ts';
import { forListing } from './listing.ts';
import { heedingGet } from './handshakes.ts';
import { readingBy } from './inputs.ts';
import type { AccessRequest, Decision, Explanation, PolicyDecisionPoint } from './policy.ts';
import { planOf } from './read-plan.ts';
import { vocabularyOf } from './schema.ts';
import { trialOf, tryingOut } from './trial.ts';

export const kind = 'cedar';

/** The official engine, in this process; its policies are the `*.cedar` files of a directory, or those in a bundle. */
export const config = z
  .strictObject({
    engine: z.literal(kind),
    directory: z.string().min(1).optional().meta({ default: 'config/policies' }),
    bundle: bundleConfig.optional().meta({ description: 'a signed archive of *.cedar files, instead of the directory' }),
  })
  .refine(({ directory, bundle }) => directory === undefined || bundle === undefined, {
    error: 'has both "directory" and "bundle": policies come from one of them',
  })
  .transform(({ engine, directory = 'config/policies', bundle }) => (bundle === undefined ? { engine, directory } : { engine, bundle }));

export interface CedarDependencies {
  readonly destinations: readonly Destination[];
  /** By name; what an intent holds is not policy's business. */
  readonly intents: Readonly<Record<string, unknown>>;
  /** Policies decide as they will once nothing is tried out any more: for fixtures and replays. */
  readonly allInForce?: boolean;
  /** Where the configuration names one. */
  readonly bundle?: Bundle | undefined;
}

/** Decides and explains without waiting for anything. */
export interface CedarPolicy extends PolicyDecisionPoint {
  decide(request: AccessRequest): Decision;
  explain(request: AccessRequest): Explanation;
}

/** Loads every `*.cedar` file of the directory or bundle. Throws with all problems, one a line, when one policy cannot be relied on. */
export function create(settings: z.output<typeof config>, deps: CedarDependencies): CedarPolicy {
  const { destinations, intents, allInForce = false, bundle } = deps;
  const cedar = loadCedar();
  const vocabulary = vocabularyOf(destinations, Object.keys(intents));
  const { policies, problems } = parsePolicies(cedar, 'directory' in settings ? readPolicyFiles(settings.directory) : filesOf(bundle));
  const checked = checkPolicies(cedar, { policies, vocabulary });
  const trial = trialOf(policies);
  const all = [...problems, ...checked.problems, ...trial.problems];
  if (all.length > 0) throw new Error(all.join('\n'));
  const plan = planOf(policies, vocabulary);
  const without = (tried: ReadonlySet<string>): ReturnType<typeof decider> => {
    const inForce = policies.filter(({ id }) => !tried.has(id));
    return decider(loadCedar(), { policies: inForce, vocabulary });
  };
  const empty =
    policies.length === 0 ? [`${'directory' in settings ? settings.directory : 'the bundle'} holds no policies: every call is denied`] : [];
  const byAll = decider(cedar, { policies, vocabulary });
  return {
    ...(allInForce ? byAll : tryingOut(byAll, trial, without)),
    tried: trial.until,
    ...readingBy(plan),
    sources: policies.map(({ id, file, line }) => ({ id, file, line })),
    revision: bundle?.revision,
    warnings: [...empty, ...checked.warnings, ...trial.warnings, ...plan.warnings],
    digest: createHash('sha256')
      .update(JSON.stringify([vocabulary.schema, policies.map(({ id, text }) => [id, text])]))
      .digest('base64url'),
  };
}

function filesOf(bundle: Bundle | undefined): readonly PolicyFile[] {
  if (bundle === undefined) throw new Error('there is no policy bundle');
  const names = [...bundle.files.keys()].filter((name) => name.endsWith('.cedar')).sort();
  return names.map((file) => ({ file, text: String(bundle.files.get(file)) }));
}

/** Finds what would keep policies that are only written down, in one text, from being loaded. */
export function textCheck({ destinations, intents }: CedarDependencies): (text: string) => readonly string[] {
  const cedar = loadCedar();
  const vocabulary = vocabularyOf(destinations, Object.keys(intents));
  return (text) => {
    const { policies, problems } = parsePolicies(cedar, [{ file: 'suggested', text }]);
    return [...problems, ...checkPolicies(cedar, { policies, vocabulary }).problems];
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
