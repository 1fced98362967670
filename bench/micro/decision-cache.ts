import { createEngine } from '../../src/policy/cedar-engine.ts';
import { parsePolicies } from '../../src/policy/cedar-source.ts';
import { loadCedar } from '../../src/policy/cedar-wasm.ts';
import { cached } from '../../src/policy/decision-cache.ts';
import type { AccessRequest } from '../../src/policy/policy.ts';
import { planOf } from '../../src/policy/read-plan.ts';
import { vocabularyOf } from '../../src/policy/schema.ts';
import { accessRequest, destinations, intents } from '../../test/support/policy.ts';

const template = '/repos/{owner}/{repo}/issues';
const distinct: readonly AccessRequest[] = Array.from({ length: 4096 }, (_, i) =>
  accessRequest({
    path: `/repos/acme/app${i}/issues`,
    query: `?page=${i}`,
    template,
    parameters: { owner: 'acme', repo: `app${i}` },
    time: Date.parse('2026-06-01') + i,
  }),
);
const same = distinct.slice(0, 1);

const plain =
  'permit (principal, action in Action::"read", resource in Destination::"github") when { context.task.intent == Intent::"triage" };';
const like = 'forbid (principal, action, resource) when { context.http.path like "/admin/*" };';
const time = 'forbid (principal, action, resource) when { context.time >= datetime("2027-01-01") };';
const subjects = Array.from(
  { length: 97 },
  (_, i) => `permit (principal, action, resource) when { context.task has subject && context.task.subject == "user${i}" };`,
);
const likes = Array.from(
  { length: 100 },
  (_, i) => `forbid (principal, action, resource) when { context.http.path like "/admin/${i}/*" };`,
);
const queries = 'forbid (principal, action, resource) when { context.http.query.names.contains("force") };';

measure('warm, one policy, one call', { texts: [plain], calls: same });
measure('100 policies, one on path, one on time, every call distinct', { texts: [plain, like, time, ...subjects], calls: distinct });
measure('the same, and one on the query', { texts: [plain, like, time, queries, ...subjects.slice(1)], calls: distinct });
measure('101 policies, 100 of them on the path, every call distinct', { texts: [plain, ...likes], calls: distinct });
const thousand = Array.from(
  { length: 997 },
  (_, i) => `permit (principal, action, resource) when { context.task has subject && context.task.subject == "user${i}" };`,
);

measure('1 policy, never from the cache', { texts: [plain], calls: distinct, fresh: true });
measure('1,000 policies, never from the cache', { texts: [plain, like, time, ...thousand], calls: distinct, fresh: true });
measure('1,000 policies, one on path, one on time, every call distinct', { texts: [plain, like, time, ...thousand], calls: distinct });
measure('100 policies, never from the cache', { texts: [plain, like, time, ...subjects], calls: distinct, fresh: true });

interface Work {
  readonly texts: readonly string[];
  readonly calls: readonly AccessRequest[];
  readonly fresh?: boolean;
}

/** Prints the median of rounds of decisions, in ns each. */
function measure(name: string, { texts, calls, fresh = false }: Work): void {
  const cedar = loadCedar();
  const vocabulary = vocabularyOf(destinations, Object.keys(intents));
  const { policies } = parsePolicies(cedar, [{ file: 'bench.cedar', text: texts.join('\n') }]);
  const engine = createEngine(cedar, { policies, vocabulary });
  let evaluations = 0;
  const counting = { decide: (call: AccessRequest) => ((evaluations += 1), engine.decide(call)) };
  const { decide } = fresh ? counting : cached(counting, planOf(policies, vocabulary));
  const count = fresh ? 500 : 200_000;
  const rounds = Array.from({ length: 7 }, () => round(decide, { calls, count })).sort((a, b) => a - b);
  const hits = 1 - evaluations / (rounds.length * count);
  console.log(`${(rounds[3] ?? 0).toFixed(0).padStart(8)} ns  ${(hits * 100).toFixed(2).padStart(6)} % hits  ${name}`);
}

function round(
  decide: (call: AccessRequest) => { allow: boolean },
  { calls, count }: { calls: readonly AccessRequest[]; count: number },
): number {
  let allowed = 0;
  const began = process.hrtime.bigint();
  for (let i = 0; i < count; i += 1) {
    const call = calls[i % calls.length];
    if (call !== undefined && decide(call).allow) allowed += 1;
  }
  const ns = Number(process.hrtime.bigint() - began) / count;
  if (allowed !== count) throw new Error(`${count - allowed} calls were denied`);
  return ns;
}
