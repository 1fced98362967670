import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicies } from '../../../src/policy/cedar-source.ts';
import { loadCedar } from '../../../src/policy/cedar-wasm.ts';
import { trialOf } from '../../../src/policy/trial.ts';

const now = Date.parse('2026-12-01T12:00:00Z');

function warningsFor(day: string): readonly string[] {
  const text = `@id("new")\n@observe("${day}") forbid (principal, action, resource);`;
  return trialOf(parsePolicies(loadCedar(), [{ file: 'a.cedar', text }]).policies, now).warnings;
}

test('a policy that is tried out is a warning, with the days it has left, and one whose day has passed', () => {
  const said = 'a.cedar:1 policy "new": ';
  assert.deepEqual(warningsFor('2026-12-31'), [`${said}it is tried out until 2026-12-31, and not in force, for 31 more days`]);
  assert.deepEqual(warningsFor('2026-11-30'), [`${said}@observe("2026-11-30") has passed: it is in force`]);
  assert.match(warningsFor('2099-01-01')[0] ?? '', /which is long for an exception$/);
});
