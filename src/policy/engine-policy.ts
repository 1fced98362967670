import { LRUCache } from 'lru-cache';
import type { Attribute } from './attributes.ts';
import { decisionOf, failed, lifetimeMs, type Said, unasked } from './engine-answer.ts';
import { type Evaluation, evaluationOf, keyOf } from './evaluation.ts';
import { readingBy } from './inputs.ts';
import { undecided, type AccessRequest, type Decision, type PolicyDecisionPoint, type RemoteCounts } from './policy.ts';

/** What an engine said, not judged yet. */
export interface Answer {
  readonly allow: unknown;
  readonly said: Said;
}

/** An engine that is told all there is to know of a request. Throws when it did not answer as it must. */
export interface Engine {
  ask(evaluation: Evaluation, signal?: AbortSignal): Answer | Promise<Answer>;
  /** An answer for each, in order. */
  askAll?(evaluations: readonly Evaluation[], signal?: AbortSignal): Promise<readonly Answer[]>;
}

export interface EnginePolicyOptions extends Pick<PolicyDecisionPoint, 'digest' | 'revision' | 'warnings'> {
  readonly attributes: readonly Attribute[];
  /** How long an allow may be kept at most; 0: each call is asked for. */
  readonly cacheMs?: number;
  readonly remote?: RemoteCounts;
  readonly now?: () => number;
}

interface Kept {
  readonly decision: Decision;
  readonly until: number;
}

const mostKept = 10_000;

/** The contract, around an engine. Allows alone are kept, under all that the engine is told but the time. */
export function policyOf(engine: Engine, options: EnginePolicyOptions): PolicyDecisionPoint {
  const { attributes, cacheMs = 0, remote, now = Date.now, ...rest } = options;
  const allows = new LRUCache<string, Kept>({ max: mostKept });
  const counts = { cached: 0, evaluated: 0, ...(remote && { remote }) };

  function prepare(request: AccessRequest): Prepared {
    const beforehand = unasked(request);
    if (beforehand !== undefined) return { decision: beforehand };
    const evaluation = evaluationOf(request, attributes);
    const key = cacheMs > 0 ? keyOf(evaluation) : undefined;
    const kept = key === undefined ? undefined : allows.get(key);
    if (kept !== undefined && now() < kept.until) {
      counts.cached += 1;
      return { decision: kept.decision };
    }
    counts.evaluated += 1;
    return { evaluation, key, askedAt: now() };
  }

  function judge(request: AccessRequest, { key, askedAt }: Question, { allow, said }: Answer): Decision {
    const decision = decisionOf(request, allow, said);
    // What needs someone's yes is asked for anew each time, as the yes is.
    if (key !== undefined && decision.allow && decision.approval === undefined)
      allows.set(key, { decision, until: askedAt + lifetimeMs(cacheMs, said) });
    return decision;
  }

  function ask(request: AccessRequest, question: Question, signal?: AbortSignal): Decision | Promise<Decision> {
    try {
      const answer = engine.ask(question.evaluation, signal);
      if (!(answer instanceof Promise)) return judge(request, question, answer);
      return answer.then((found) => judge(request, question, found)).catch(failure);
    } catch (error) {
      return failure(error);
    }
  }

  async function decideAll(requests: readonly AccessRequest[], signal?: AbortSignal): Promise<readonly Decision[]> {
    const prepared = requests.map((request) => prepare(request));
    const open = prepared.filter((each) => 'evaluation' in each);
    const answers = await Promise.resolve(
      engine.askAll?.(
        open.map(({ evaluation }) => evaluation),
        signal,
      ),
    ).catch(failure);
    let next = 0;
    return requests.map((request, index) => {
      const question = prepared[index];
      if (question === undefined) return undecided;
      if ('decision' in question) return question.decision;
      if (answers === undefined || 'allow' in answers) return answers ?? undecided;
      const answer = answers[next++];
      return answer === undefined ? undecided : judge(request, question, answer);
    });
  }

  return {
    ...rest,
    counts,
    ...(engine.askAll && { decideAll }),
    decide(request, signal) {
      const prepared = prepare(request);
      return 'decision' in prepared ? prepared.decision : ask(request, prepared, signal);
    },
    async explain(request, signal) {
      const question = { evaluation: evaluationOf(request, attributes), key: undefined, askedAt: now() };
      const decision = unasked(request) ?? (await ask(request, question, signal));
      return { decision, policies: decision.policies.map((id) => ({ id })), errors: decision.error === undefined ? [] : [decision.error] };
    },
    ...readingBy({ mentionedFor: ({ action }) => attributes.filter(({ actions }) => actions?.has(action) !== false) }),
  };
}

interface Question {
  readonly evaluation: Evaluation;
  /** undefined: its answer is not kept. */
  readonly key: string | undefined;
  readonly askedAt: number;
}

type Prepared = Question | { readonly decision: Decision };

function failure(error: unknown): Decision {
  return failed(error instanceof Error ? error.message : String(error));
}
