import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/fast-check.ts';
import { createEngine } from '../../src/policy/cedar-engine.ts';
import { parsePolicies } from '../../src/policy/cedar-source.ts';
import { loadCedar } from '../../src/policy/cedar-wasm.ts';
import { cached } from '../../src/policy/decision-cache.ts';
import type { AccessRequest, Decision } from '../../src/policy/policy.ts';
import { planOf } from '../../src/policy/read-plan.ts';
import { vocabularyOf } from '../../src/policy/schema.ts';
import { policy, relatives } from '../support/policy-arbitraries.ts';
import { accessRequest, destinations, intents } from '../support/policy.ts';

const cedar = loadCedar();
const vocabulary = vocabularyOf(destinations, Object.keys(intents));
const runs = Number(process.env['EXEAT_PROPERTY_RUNS'] ?? 120);

test('a cached decision is the decision that a fresh evaluation makes, whatever the policies and the calls', () => {
  const seen = { allow: 0, deny: 0, error: 0, hits: 0 };
  const property = fc.property(fc.array(policy, { minLength: 1, maxLength: 4 }), relatives, (texts, requests) => {
    const { policies, problems } = parsePolicies(cedar, [{ file: 'random.cedar', text: texts.join('\n') }]);
    assert.deepEqual(problems, []);
    const fresh = createEngine(cedar, { policies, vocabulary });
    let evaluations = 0;
    const counting = { decide: (call: AccessRequest) => ((evaluations += 1), fresh.decide(call)) };
    const remembering = cached(counting, planOf(policies, vocabulary));
    for (const call of [...requests, ...requests]) {
      const before = evaluations;
      const found = remembering.decide(call);
      if (evaluations === before) seen.hits += 1;
      seen[found.error === undefined ? (found.allow ? 'allow' : 'deny') : 'error'] += 1;
      assert.deepEqual(found, fresh.decide(call));
    }
  });
  fc.assert(property, { numRuns: runs });
  // The property says nothing when everything is denied, fails or misses.
  for (const [what, count] of Object.entries(seen)) assert.ok(count > runs / 20, `${what}: ${count}`);
});

test('calls that differ only in what no policy reads share one evaluation', () => {
  const text = `permit (principal, action, resource) when { context.http.path like "/repos/*" && context.time < datetime("2027-01-01") };`;
  const { policies } = parsePolicies(cedar, [{ file: 'one.cedar', text }]);
  const fresh = createEngine(cedar, { policies, vocabulary });
  let evaluations = 0;
  const counting = { decide: (call: AccessRequest): Decision => ((evaluations += 1), fresh.decide(call)) };
  const { decide } = cached(counting, planOf(policies, vocabulary));
  fc.assert(
    fc.property(fc.webSegment(), fc.webQueryParameters({ size: 'small' }), fc.string(), (segment, query, id) => {
      const call = accessRequest({ path: `/repos/${segment}`, query: `?${query}`, task: { id, subject: id }, principal: { id } });
      assert.equal(decide(call).allow, true);
    }),
  );
  assert.equal(evaluations, 1);
});
