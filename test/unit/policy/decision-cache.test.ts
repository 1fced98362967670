import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine } from '../../../src/policy/cedar-engine.ts';
import { parsePolicies } from '../../../src/policy/cedar-source.ts';
import { loadCedar } from '../../../src/policy/cedar-wasm.ts';
import { cached } from '../../../src/policy/decision-cache.ts';
import type { AccessRequest } from '../../../src/policy/policy.ts';
import { planOf } from '../../../src/policy/read-plan.ts';
import { vocabularyOf } from '../../../src/policy/schema.ts';
import { accessRequest, destinations, intents } from '../../support/policy.ts';

const cedar = loadCedar();
const vocabulary = vocabularyOf(destinations, Object.keys(intents));

function counted(text: string, max?: number) {
  const { policies, problems } = parsePolicies(cedar, [{ file: 'one.cedar', text }]);
  assert.deepEqual(problems, []);
  const engine = createEngine(cedar, { policies, vocabulary });
  const count = { evaluations: 0 };
  const counting = { decide: (call: AccessRequest) => ((count.evaluations += 1), engine.decide(call)) };
  return { count, ...cached(counting, planOf(policies, vocabulary), max === undefined ? {} : { max }) };
}

test('values that stand side by side in a key cannot be mistaken for others', () => {
  const policy = counted(
    'permit (principal, action, resource) when { context.task has subject && context.task.subject == "ab" && context.task.id == "c" };',
  );
  assert.equal(policy.decide(accessRequest({ task: { id: 'c', subject: 'ab' } })).allow, true);
  assert.equal(policy.decide(accessRequest({ task: { id: 'bc', subject: 'a' } })).allow, false);
  assert.equal(policy.decide(accessRequest({ task: { id: 'ab', subject: 'c' } })).allow, false);
  assert.equal(policy.decide(accessRequest({ task: { id: 'c', subject: undefined } })).allow, false);
  assert.equal(policy.decide(accessRequest({ task: { id: 'c', subject: '-' } })).allow, false);
});

const calledBy = (id: string) => accessRequest({ task: { id, subject: id }, principal: { id } });

test('task, subject and agent are in the key only where a policy reads them', () => {
  const blind = counted('permit (principal, action, resource);');
  for (const id of ['a', 'b', 'c']) blind.decide(calledBy(id));
  assert.equal(blind.count.evaluations, 1);
  const reading = counted('permit (principal == Agent::"a", action, resource);');
  assert.deepEqual(
    ['a', 'b', 'a', 'b'].map((id) => reading.decide(calledBy(id)).allow),
    [true, false, true, false],
  );
  assert.equal(reading.count.evaluations, 2);
});

test('a policy makes keys longer only for calls that its head admits', () => {
  const policy = counted(
    'permit (principal, action, resource);\n forbid (principal, action == Action::"POST", resource in Destination::"tickets") when { context.task.id == "a" };',
  );
  for (const id of ['a', 'b', 'c']) policy.decide(accessRequest({ task: { id } }));
  assert.equal(policy.count.evaluations, 1);
  for (const id of ['a', 'b', 'c']) policy.decide(accessRequest({ destination: 'tickets', method: 'POST', path: '/x', task: { id } }));
  assert.equal(policy.count.evaluations, 4);
});

test('failures are evaluated again each time', () => {
  const policy = counted('permit (principal, action, resource) when { context.task.subject == "x" };');
  for (let i = 0; i < 3; i += 1) assert.ok(policy.decide(accessRequest()).error);
  assert.equal(policy.count.evaluations, 3);
});

test('what no test can stand for is evaluated each time', () => {
  const policy = counted(
    'permit (principal, action, resource) when { [context.http.path == "/a", false].contains(true) || context.http == context.http };',
  );
  for (let i = 0; i < 3; i += 1) assert.ok(policy.decide(accessRequest()).allow);
  assert.equal(policy.count.evaluations, 3);
});

test('the cache has a bound', () => {
  const policy = counted('permit (principal, action, resource) when { context.task.id != "a" };', 2);
  for (const id of ['b', 'c', 'd', 'b']) policy.decide(accessRequest({ task: { id } }));
  assert.equal(policy.count.evaluations, 4);
});

test('instants are compared exactly at their millisecond', () => {
  const at = Date.parse('2027-01-01T00:00:00Z');
  for (const [compare, expected] of [
    ['<', [true, false, false]],
    ['<=', [true, true, false]],
    ['>', [false, false, true]],
    ['>=', [false, true, true]],
    ['==', [false, true, false]],
    ['!=', [true, false, true]],
  ] as const) {
    const policy = counted(`permit (principal, action, resource) when { context.time ${compare} datetime("2027-01-01") };`);
    const times = [at - 1, at, at + 1];
    assert.deepEqual(
      times.map((time) => policy.decide(accessRequest({ time })).allow),
      expected,
    );
    assert.deepEqual(
      times.map((time) => policy.decide(accessRequest({ time })).allow),
      expected,
    );
  }
});

test('a time that Cedar would read otherwise is not answered from the cache', () => {
  const policy = counted('permit (principal, action, resource) when { context.time > datetime("1970-01-01T00:00:00.001Z") };');
  assert.equal(policy.decide(accessRequest({ time: 2 })).allow, true);
  assert.equal(policy.decide(accessRequest({ time: 1.5 })).allow, false);
  assert.ok(policy.decide(accessRequest({ time: Date.UTC(10_000, 0) })).error);
  assert.ok(policy.decide(accessRequest({ time: -Infinity })).error);
});
