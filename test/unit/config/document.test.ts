import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml } from '../../../src/config/document.ts';

test('braces without quotes in a flow list are explained, once a line', () => {
  const { data, problems } = parseYaml('destinations:\n  github: { operations: [/repos/{owner}/{repo}] }\n');
  assert.equal(data, undefined);
  assert.deepEqual(
    problems.map(({ line, message }) => `${line}: ${message}`),
    ['2: missing , or : (inside [ ] or { } a text that has any of these characters needs quotes)'],
  );
});

test('tabs do not indent', () => {
  assert.match(parseYaml('log:\n\tlevel: info\n').problems[0]?.message ?? '', /tabs/i);
});

test('words that older YAML took for something else are texts', () => {
  assert.deepEqual(parseYaml('a: yes\nb: 2027-01-31\nc: 12:30\nd: off\n').data, { a: 'yes', b: '2027-01-31', c: '12:30', d: 'off' });
});

test('keys that are not text are refused', () => {
  assert.equal(parseYaml('? [a]\n: 1\n').problems[0]?.message, 'a key must be plain text');
});

test('a path leads to the line of its deepest part that is there', () => {
  const document = parseYaml('a:\n  b:\n    - x\n    - c: 1\n      d: 2\n');
  assert.equal(document.lineOf(['a']), 1);
  assert.equal(document.lineOf(['a', 'b', 0]), 3);
  assert.equal(document.lineOf(['a', 'b', 1, 'd']), 5);
  assert.equal(document.lineOf(['a', 'b', 1, 'missing']), 4);
  assert.equal(document.lineOf(['nowhere']), 1);
});

test('no message repeats the text that could not be read: a secret may have been pasted there', () => {
  for (const text of [
    'a: *pasted',
    'a: |pasted',
    'a: >pasted\n b',
    'a: !pasted',
    '%pasted\n---\na: b',
    '%YAML pasted\n---\na: b',
    'a: "pasted',
    'a: &pasted &pasted b',
  ]) {
    const { problems } = parseYaml(text);
    assert.ok(problems.length > 0, text);
    for (const { message } of problems) assert.doesNotMatch(message, /pasted/, text);
  }
});
