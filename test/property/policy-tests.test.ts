import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { fc } from '../support/fast-check.ts';
import { compileTest } from '../../src/policy/attribute-tests.ts';
import { createEngine } from '../../src/policy/cedar-engine.ts';
import { parsePolicies } from '../../src/policy/cedar-source.ts';
import { loadCedar } from '../../src/policy/cedar-wasm.ts';
import { isLike, likeOf } from '../../src/policy/expressions.ts';
import { instantOf } from '../../src/policy/instants.ts';
import { vocabularyOf } from '../../src/policy/schema.ts';
import { atom, relatives } from '../support/policy-arbitraries.ts';
import { destinations, intents } from '../support/policy.ts';

const cedar = loadCedar();
const vocabulary = vocabularyOf(destinations, Object.keys(intents));

/** What Cedar itself makes of a condition. */
function cedarSays(condition: string, context: Record<string, unknown>): boolean | 'error' {
  const answer = cedar.isAuthorized({
    principal: { type: 'A', id: 'a' },
    action: { type: 'Action', id: 'a' },
    resource: { type: 'A', id: 'a' },
    context: context as Record<string, string>,
    entities: [],
    policies: { staticPolicies: { p: `permit (principal, action, resource) when { ${condition} };` } },
  });
  if (answer.type === 'failure') return 'error';
  return answer.response.diagnostics.errors.length > 0 ? 'error' : answer.response.decision === 'allow';
}

function expressionOf(condition: string): Expr {
  const answer = cedar.policyToJson(`permit (principal, action, resource) when { ${condition} };`);
  assert.ok(answer.type === 'success', condition);
  const body = answer.json.conditions[0]?.body;
  assert.ok(body);
  return body;
}

test('our "like" is Cedar\'s, for every text and pattern', () => {
  const letters = fc.constantFrom('a', 'b', '/', '*', '😀', 'é', '\\');
  const text = fc.array(letters, { maxLength: 8 }).map((parts) => parts.join(''));
  const pattern = fc.array(fc.oneof(letters, fc.constantFrom('wild', 'wild')), { maxLength: 6 });
  fc.assert(
    fc.property(text, pattern, (value, parts) => {
      const written = parts.map((part) => (part === 'wild' ? '*' : part.replace('\\', '\\\\').replace('*', '\\*'))).join('');
      const condition = `context.x like "${written}"`;
      const like = likeOf(expressionOf(condition));
      assert.ok(like);
      assert.equal(isLike(value, like.parts), cedarSays(condition, { x: value }), `${value} like ${written}`);
    }),
    {
      numRuns: 500,
      examples: [
        ['a', ['a', 'wild', 'a']],
        ['ab', ['ab', 'wild', 'b']],
        ['aab', ['a', 'wild', 'a', 'wild', 'b']],
      ],
    },
  );
});

test("our instants are Cedar's, before 1970 and across days too", () => {
  const duration = fc
    .tuple(fc.constantFrom('', '-'), fc.nat(40_000), fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999))
    .map(([sign, d, h, m, s, ms]) => `duration("${sign}${d}d${h}h${m}m${s}s${ms}ms")`);
  const date = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }).map((at) => at.toISOString());
  const zone = fc.constantFrom('Z', '+0200', '-1130', '+0000');
  const literal = fc.oneof(
    date.map((iso) => `datetime("${iso}")`),
    date.map((iso) => `datetime("${iso.slice(0, 10)}")`),
    fc.tuple(date, zone).map(([iso, zone]) => `datetime("${iso.slice(0, 19)}${zone}")`),
    fc.tuple(date, zone).map(([iso, zone]) => `datetime("${iso.slice(0, 23)}${zone}")`),
  );
  const instant = fc.oneof(
    literal,
    fc.constant('context.time'),
    fc.tuple(fc.oneof(literal, fc.constant('context.time')), duration).map(([of, by]) => `${of}.offset(${by})`),
    fc.oneof(literal, fc.constant('context.time')).map((of) => `${of}.toDate()`),
    duration.map((by) => `context.time.offset(${by}).toDate()`),
  );
  const span = fc.oneof(
    duration,
    instant.map((of) => `${of}.toTime()`),
    fc.tuple(instant, instant).map(([of, since]) => `${of}.durationSince(${since})`),
  );
  const time = fc.oneof(fc.nat(100), fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }).map(Number));
  const pair = fc.oneof(fc.tuple(instant, instant), fc.tuple(span, span));
  fc.assert(
    fc.property(pair, time, ([left, right], at) => {
      const [a, b] = [left, right].map((text) => instantOf(expressionOf(text), (path) => path.join('.') === 'context.time'));
      assert.ok(a && b);
      const said = cedarSays(`${left} < ${right}`, { time: { __extn: { fn: 'datetime', arg: new Date(at).toISOString() } } });
      assert.equal(a.at(at) < b.at(at), said, `${left} < ${right} at ${at}`);
    }),
    { numRuns: 500 },
  );
});

test("the answer to a test is Cedar's own answer to that comparison", () => {
  const answers = { true: 0, false: 0, undefined: 0 };
  fc.assert(
    fc.property(atom, relatives, (condition, requests) => {
      const test = compileTest(expressionOf(condition), vocabulary.attributes);
      if (test === undefined) return;
      const { policies } = parsePolicies(cedar, [{ file: 'p', text: `permit (principal, action, resource) when { ${condition} };` }]);
      const engine = createEngine(cedar, { policies, vocabulary });
      for (const call of requests) {
        const {
          allow,
          error,
          policies: failed,
        } = engine.decide({ ...call, operation: { ...call.operation, action: 'GET', group: 'read' } });
        // Without a policy's name the request itself could not be read.
        if (error !== undefined && failed.length === 0) continue;
        const answer = test.answer(call);
        if (call.operation.action === 'GET' && Number.isInteger(call.time))
          assert.equal(answer, error === undefined ? allow : undefined, condition);
        answers[`${answer}`] += 1;
      }
    }),
    { numRuns: 300 },
  );
  for (const [answer, count] of Object.entries(answers)) assert.ok(count > 5, `${answer}: ${count}`);
});
