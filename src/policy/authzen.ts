import { hash } from 'node:crypto';
import { z } from '../settings.ts';
import { isObject } from './engine-answer.ts';
import { createEngineClient, type EngineClient, type GuardedFetch } from './engine-client.ts';
import { serverConfig } from './engine-config.ts';
import { type Answer, type Engine, policyOf } from './engine-policy.ts';
import type { Evaluation } from './evaluation.ts';
import type { PolicyDecisionPoint } from './policy.ts';
import type { Vocabulary } from './schema.ts';

export const kind = 'authzen';

const path = z.string().regex(/^\/[^?#\s]*$/, 'expected a path such as /access/v1/evaluation');

/** A PDP of OpenID AuthZEN 1.0. */
export const config = z.strictObject({
  engine: z.literal(kind),
  server: serverConfig,
  subject_properties: z
    .record(z.string().min(1), z.json())
    .default({})
    .meta({ description: 'what this PDP wants to be told of every subject besides, such as a role' }),
  evaluation_path: path.default('/access/v1/evaluation'),
  evaluations_path: path
    .nullable()
    .default('/access/v1/evaluations')
    .meta({ description: 'for lists; null where the PDP has no batches: then each is asked for' }),
});

/** So many in one request: a PDP may limit what it takes. */
const mostAtOnce = 100;

/** An evaluation of any kind (§5), as the PDP is sent it. */
type Asked = object;

export interface AuthzenClient {
  /** §6. */
  readonly ask: (evaluation: Asked, signal?: AbortSignal) => Promise<Answer>;
  /** §7; absent where the PDP has no batches. */
  readonly askAll?: (evaluations: readonly Asked[], signal?: AbortSignal) => Promise<readonly Answer[]>;
}

type Paths = Pick<z.output<typeof config>, 'evaluation_path' | 'evaluations_path'>;

export function createAuthzenClient(
  client: Pick<EngineClient, 'post'>,
  { evaluation_path: one, evaluations_path: many }: Paths,
): AuthzenClient {
  const all = async (evaluations: readonly Asked[], signal?: AbortSignal): Promise<readonly Answer[]> => {
    const answer = await client.post(many ?? one, { evaluations }, signal);
    const found: unknown = isObject(answer) ? answer['evaluations'] : undefined;
    if (!Array.isArray(found) || found.length !== evaluations.length) throw new Error('the PDP did not answer each evaluation');
    return found.map(answerOf);
  };
  return {
    ask: async (evaluation, signal) => answerOf(await client.post(one, evaluation, signal)),
    ...(many !== null && {
      async askAll(evaluations, signal) {
        const answers: Answer[] = [];
        for (let from = 0; from < evaluations.length; from += mostAtOnce)
          answers.push(...(await all(evaluations.slice(from, from + mostAtOnce), signal)));
        return answers;
      },
    }),
  };
}

export function create(
  settings: z.output<typeof config>,
  { vocabulary, fetch }: { readonly vocabulary: Vocabulary; readonly fetch: GuardedFetch },
): PolicyDecisionPoint {
  const { url, token, timeout: timeoutMs, cache: cacheMs } = settings.server;
  const client = createEngineClient({ url, token, timeoutMs, fetch });
  const { ask, askAll } = createAuthzenClient(client, settings);
  const told = ({ subject, ...rest }: Evaluation): Asked => ({
    ...rest,
    subject: { ...subject, properties: { ...settings.subject_properties, ...subject.properties } },
  });
  const engine: Engine = {
    ask: (evaluation, signal) => ask(told(evaluation), signal),
    ...(askAll && { askAll: (evaluations, signal) => askAll(evaluations.map(told), signal) }),
  };
  return policyOf(engine, {
    attributes: vocabulary.attributes,
    cacheMs,
    remote: client.counts,
    warnings: [],
    digest: hash(
      'sha256',
      JSON.stringify([kind, url, settings.evaluation_path, settings.subject_properties, vocabulary.schema]),
      'base64url',
    ),
  });
}

/** A permit whose context nobody here can read is none (§5.5). */
function answerOf(answer: unknown): Answer {
  if (!isObject(answer)) throw new Error('the PDP answered with something other than an object');
  const { decision, context } = answer;
  if (context !== undefined && context !== null && !isObject(context)) throw new Error('the PDP answered with a context that is no object');
  return { allow: decision, said: isObject(context) ? context : {} };
}
