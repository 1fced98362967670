import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineSaying, parsePolicies } from '../../../src/policy/cedar-source.ts';
import { loadCedar } from '../../../src/policy/cedar-wasm.ts';

const cedar = loadCedar();
const parse = (text: string) => parsePolicies(cedar, [{ file: 'f.cedar', text }]);

test('policies end at semicolons, but not at those in strings and comments', () => {
  const { policies, problems } = parse(`
// one; two
@id("a;b") permit (principal, action, resource) // ;
when { context.http.path == "/;\\";" };
forbid (principal, action, resource);
`);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    policies.map(({ id, line }) => [id, line]),
    [
      ['a;b', 3],
      ['f.cedar:5', 5],
    ],
  );
});

test('a carriage return ends a comment for Cedar; what then follows is never lost', () => {
  const { policies, problems } = parse('permit (principal, action, resource) // \rwhen { false };\n;');
  assert.equal(policies.length + problems.length >= 1, true);
  assert.ok(policies.every(({ json }) => json.conditions.length === 1));
});

test('two policies on one line without an id of their own are a problem, not one policy', () => {
  assert.match(parse('permit (principal, action, resource); permit (principal, action, resource);').problems.join(), /the id is taken/);
});

test('what is left after the last semicolon is a problem', () => {
  assert.equal(parse('permit (principal, action, resource)').problems.length, 1);
  assert.deepEqual(parse(' // nothing here\n').problems, []);
});

test('a name is found on its line, and not in comments', () => {
  const [policy] = parse('permit (principal, action, resource)\n// "here"\nwhen {\n  context.http.path == "he\\u{72}e" };').policies;
  assert.ok(policy);
  assert.equal(lineSaying(policy, 'here'), 4);
  assert.equal(lineSaying(policy, 'nowhere'), 1);
});
