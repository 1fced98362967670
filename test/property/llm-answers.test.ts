import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../../src/call.ts';
import { UsageReply } from '../../src/protocol/llm/usage-reply.ts';
import type { AnswerContext, ModelUsage } from '../../src/protocol/message.ts';
import { EventSplitter, eventData } from '../../src/protocol/event-stream.ts';
import { fc } from '../support/fast-check.ts';

/** Cuts bytes at any places. */
function pieces(bytes: Buffer): fc.Arbitrary<Buffer[]> {
  return fc.array(fc.nat(bytes.length), { maxLength: 12 }).map((cuts) => {
    const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
    return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
  });
}

interface Passed {
  readonly bytes: string;
  readonly usage: ModelUsage | undefined;
  readonly cut: string | undefined;
}

function pass(contentType: string, chunks: readonly Buffer[], more: readonly string[] = []): Passed {
  const out: Uint8Array[] = [];
  let usage: ModelUsage | undefined;
  let cut: string | undefined;
  const to = { start: () => {}, write: (chunk: Uint8Array) => out.push(chunk) > 0, end: (chunk?: Uint8Array) => chunk && out.push(chunk) };
  const context = { used: (found: ModelUsage) => void (usage = found), cut: (code: string) => void (cut = code), passed: () => {} };
  const reply = new UsageReply(to as unknown as Reply, context as unknown as AnswerContext);
  reply.start(200, ['content-type', contentType, ...more]);
  for (const chunk of chunks) reply.write(chunk);
  reply.end();
  return { bytes: Buffer.concat(out).toString(), usage, cut };
}

const openai = [
  { choices: [{ delta: { content: 'usage: {"usage":{"prompt_tokens":1}}' } }], usage: null },
  { choices: [], usage: { prompt_tokens: 12, completion_tokens: 34, total_tokens: 46 } },
];
const anthropic = [
  { type: 'message_start', message: { usage: { input_tokens: 10, cache_read_input_tokens: 2, output_tokens: 1 } } },
  { type: 'content_block_delta', delta: { type: 'input_json_delta', partial_json: '{"usage":{"output_tokens":1}}' } },
  { type: 'message_delta', usage: { output_tokens: 34 } },
];
const responses = [{ type: 'response.completed', response: { usage: { input_tokens: 12, output_tokens: 34 } } }];
const gemini = [{ candidates: [], usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 30, thoughtsTokenCount: 4 } }];

test('the tokens of an answer are read from its events, wherever chunks end, and it passes unchanged', () => {
  const line = fc.constantFrom('\n', '\r', '\r\n');
  const stream = fc
    .tuple(fc.constantFrom(openai, anthropic, responses, gemini), line)
    .map(([events, end]) => events.map((event) => `: keep-alive${end}event: x${end}data: ${JSON.stringify(event)}${end}${end}`).join(''));
  const cut = stream.chain((text) => fc.tuple(fc.constant(text), pieces(Buffer.from(text))));
  fc.assert(
    fc.property(cut, ([text, chunks]) => {
      const { bytes, usage } = pass('text/event-stream; charset=utf-8', chunks);
      assert.equal(bytes, text);
      assert.deepEqual(usage, { inputTokens: 12, outputTokens: 34 });
    }),
  );
});

test('the tokens of an answer in one piece are read from its own figures, not from what a model wrote', () => {
  const body = Buffer.from(
    JSON.stringify({
      content: [{ type: 'tool_use', input: { usage: { input_tokens: 1, output_tokens: 1 } } }],
      usage: { input_tokens: 12, output_tokens: 34 },
    }),
  );
  fc.assert(
    fc.property(pieces(body), (chunks) => {
      const { bytes, usage } = pass('application/json', chunks);
      assert.deepEqual([bytes, usage], [body.toString(), { inputTokens: 12, outputTokens: 34 }]);
    }),
  );
  const without = pass('application/json', [Buffer.from('{"content":[{"input":{"usage":{"input_tokens":1}}}]}')]);
  assert.equal(without.usage, undefined);
});

test('an answer in a content coding that nobody asked for is cut', () => {
  assert.equal(pass('application/json', [], ['content-encoding', 'gzip']).cut, 'coding_unreadable');
});

test('the pieces of an event stream are the stream, and each is one event, whatever is in it', () => {
  const text = fc
    .array(fc.constantFrom('data: a', 'data:b', ':', '', 'id: 1', 'é😀', '\n', '\r', '\r\n'), { maxLength: 30 })
    .map((parts) => parts.join(''));
  const cut = text.chain((whole) => fc.tuple(fc.constant(whole), pieces(Buffer.from(whole))));
  fc.assert(
    fc.property(cut, ([whole, chunks]) => {
      const splitter = new EventSplitter(1000);
      const events = chunks.flatMap((chunk) => splitter.push(chunk) ?? assert.fail('too large'));
      assert.equal(Buffer.concat([...events, splitter.rest()]).toString(), whole);
      const inOne = new EventSplitter(1000).push(Buffer.from(whole)) ?? [];
      assert.deepEqual(events.map(String), inOne.map(String));
      for (const event of events)
        assert.equal(
          event
            .toString()
            .replace(/^\n/, '')
            .split(/\r\n\r\n?|\n\n|\r\r/)
            .filter(Boolean).length <= 1,
          true,
        );
    }),
    { numRuns: 300 },
  );
});

test('an event may not grow without end', () => {
  const splitter = new EventSplitter(10);
  assert.deepEqual(splitter.push(Buffer.from('data: 1234')), []);
  assert.equal(splitter.push(Buffer.from('5')), undefined);
});

test('the data of an event is its data lines, joined', () => {
  assert.equal(eventData(Buffer.from('event: x\ndata: a\ndata:b\n\n')), 'a\nb');
  assert.equal(eventData(Buffer.from(': comment\n\n')), undefined);
  assert.equal(eventData(Buffer.from('data\n\n')), '');
});

test('an answer that is a list of parts has the figures of its last', () => {
  const parts = [{ usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 1 } }, { candidates: [] }, ...gemini];
  assert.deepEqual(pass('application/json', [Buffer.from(JSON.stringify(parts))]).usage, { inputTokens: 12, outputTokens: 34 });
});
