import { hash } from 'node:crypto';
import { z } from '../settings.ts';
import type { Bundle } from './bundle.ts';
import { isObject, type Said } from './engine-answer.ts';
import { createEngineClient, type GuardedFetch } from './engine-client.ts';
import { bundleConfig, serverConfig } from './engine-config.ts';
import { type Answer, policyOf } from './engine-policy.ts';
import { loadWasm } from './opa-wasm.ts';
import type { PolicyDecisionPoint } from './policy.ts';
import type { Vocabulary } from './schema.ts';

export const kind = 'opa';

/** OPA: asked over REST, or its policies compiled to WebAssembly, from a bundle. */
export const config = z
  .strictObject({
    engine: z.literal(kind),
    decision: z
      .string()
      .regex(/^[\w-]+(\/[\w-]+)*$/, 'expected the path of a rule, such as exeat/decision')
      .default('exeat/decision')
      .meta({ description: 'the rule that decides; of a bundle an entry point' }),
    server: serverConfig.optional(),
    bundle: bundleConfig.optional().meta({ description: 'made by "opa build -t wasm"; decided in this process' }),
  })
  .refine(({ server, bundle }) => (server === undefined) !== (bundle === undefined), {
    error: 'needs one of "server" and "bundle"',
  });

export interface OpaDependencies {
  readonly vocabulary: Vocabulary;
  readonly fetch: GuardedFetch;
  /** Where the configuration names one. */
  readonly bundle: Bundle | undefined;
}

export function create({ decision, server }: z.output<typeof config>, deps: OpaDependencies): PolicyDecisionPoint {
  if (server !== undefined) return overRest(server, decision, deps);
  if (deps.bundle === undefined) throw new Error('there is no policy bundle');
  return inProcess(deps.bundle, decision, deps.vocabulary);
}

function overRest(
  { url, token, timeout: timeoutMs, cache: cacheMs }: z.output<typeof serverConfig>,
  rule: string,
  { vocabulary, fetch }: OpaDependencies,
): PolicyDecisionPoint {
  const client = createEngineClient({ url, token, timeoutMs, fetch });
  return policyOf(
    {
      async ask(input, signal) {
        const answer = await client.post(`/v1/data/${rule}`, { input }, signal);
        if (!isObject(answer)) throw new Error('OPA answered with something other than an object');
        const id = answer['decision_id'];
        return answerOf(answer['result'], id === undefined ? {} : { id });
      },
    },
    {
      attributes: vocabulary.attributes,
      cacheMs,
      remote: client.counts,
      warnings: [],
      digest: hash('sha256', JSON.stringify([kind, url, rule, vocabulary.schema]), 'base64url'),
    },
  );
}

function inProcess(bundle: Bundle, rule: string, vocabulary: Vocabulary): PolicyDecisionPoint {
  const evaluate = loadWasm(bundle, rule);
  return policyOf(
    { ask: (input) => answerOf(evaluate(input), {}) },
    {
      attributes: vocabulary.attributes,
      warnings: [],
      revision: bundle.revision,
      digest: hash('sha256', JSON.stringify([bundle.digest, rule, vocabulary.schema]), 'base64url'),
    },
  );
}

/** A rule is `true` or an object with `allow`; one that is undefined has no result, and denies. */
function answerOf(result: unknown, said: Said): Answer {
  if (result === undefined) return { allow: false, said };
  if (isObject(result)) return { allow: result['allow'], said: { ...result, ...said } };
  return { allow: result, said };
}
