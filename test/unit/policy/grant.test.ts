import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../../src/errors.ts';
import { grant, type Decision } from '../../../src/policy/policy.ts';
import { accessRequest, type CallWords } from '../../support/policy.ts';

const until = Date.parse('2026-07-01');

/** On a destination that is observed until July. */
function outcome(decision: Decision, words: CallWords = {}): string {
  const request = accessRequest(words);
  const observed = { ...request, target: { ...request.target, destination: { ...request.target.destination, observeUntil: until } } };
  const permit = grant(observed, decision);
  if (isRefusal(permit)) return permit.refused;
  return permit.observed ? 'observed' : 'allowed';
}

test('an observed destination forwards what policy denies, until its day', () => {
  assert.equal(outcome({ allow: true, policies: ['p'] }), 'allowed');
  assert.equal(outcome({ allow: false, policies: [] }), 'observed');
  assert.equal(outcome({ allow: false, policies: [] }, { time: until }), 'policy_denied');
});

test('what creates standing access, and what could not be evaluated, is refused on an observed destination too', () => {
  assert.equal(outcome({ allow: false, policies: [] }, { method: 'POST', group: 'mint' }), 'policy_denied');
  assert.equal(outcome({ allow: false, policies: [], error: 'overflow' }), 'policy_error');
});

test('an allow beside an error is no permit', () => {
  assert.equal(outcome({ allow: true, policies: ['p'], error: 'overflow' }), 'policy_error');
});
