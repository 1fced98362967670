import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spentBy } from '../../src/charge.ts';

type Spending = Parameters<typeof spentBy>[0];

function spent(more: object): [tokens: number | undefined, cost: number | undefined] {
  const record = {
    operation: { llm: { model: 'm' } },
    target: { destination: { models: { prices: new Map([['m', { input: 1, output: 10 }]]) } } },
    charge: { tokens: 100, cost: 500 },
    outcome: { status: 200, code: undefined, requestBytes: 1, responseBytes: 2 },
    answerEvents: 0,
    ...more,
  };
  const { tokens, cost } = spentBy(record as unknown as Spending);
  return [tokens, cost];
}

const gone = { outcome: { status: 200, code: 'client_gone', requestBytes: 1, responseBytes: 2 } };

test('of an answer that came whole its own figures count', () => {
  assert.deepEqual(spent({ usage: { inputTokens: 5, outputTokens: 7 }, answerEvents: 400 }), [12, 75]);
});

test('a client that leaves before the last word of an answer has used what was taken for it', () => {
  assert.deepEqual(spent({ ...gone, usage: { inputTokens: 5, outputTokens: 1 } }), [100, 500]);
});

test('an answer that says nothing of its tokens counts by its events', () => {
  assert.deepEqual(spent({ answerEvents: 3 }), [100, 500]);
  assert.deepEqual(spent({ answerEvents: 5000 }), [5000, 50_000]);
  assert.deepEqual(spent({ ...gone, usage: { inputTokens: 5, outputTokens: 1 }, answerEvents: 5000 }), [5005, 50_005]);
});

test('a model that never had the request has used nothing', () => {
  assert.deepEqual(spent({ outcome: { status: undefined, code: 'upstream_unreachable' } }), [0, 0]);
});
