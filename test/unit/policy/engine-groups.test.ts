import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine } from '../../../src/policy/cedar-engine.ts';
import { parsePolicies } from '../../../src/policy/cedar-source.ts';
import { loadCedar } from '../../../src/policy/cedar-wasm.ts';
import { vocabularyOf } from '../../../src/policy/schema.ts';
import { accessRequest, destinations, intents } from '../../support/policy.ts';

const cedar = loadCedar();
const vocabulary = vocabularyOf(destinations, Object.keys(intents));

function allows(text: string): boolean {
  const { policies, problems } = parsePolicies(cedar, [{ file: 'test.cedar', text }]);
  assert.deepEqual(problems, []);
  return createEngine(cedar, { policies, vocabulary }).decide(accessRequest({ tool: 'search', arguments: { q: 'a' } })).allow;
}

test('calls of tools are writes: a guardrail over writes holds for them, and so does a permit', () => {
  assert.equal(allows('permit (principal, action in Action::"write", resource in Destination::"kb");'), true);
  assert.equal(allows('permit (principal, action in Action::"read", resource in Destination::"kb");'), false);
  assert.equal(
    allows(
      'permit (principal, action, resource);\nforbid (principal, action in Action::"write", resource) unless { context.task.origin == "default" };',
    ),
    false,
  );
});
