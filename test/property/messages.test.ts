import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../../src/call.ts';
import { isRefusal } from '../../src/errors.ts';
import { createClassifier } from '../../src/protocol/classifier.ts';
import { createMcpKnowledge } from '../../src/protocol/mcp/knowledge.ts';
import type { AnswerContext } from '../../src/protocol/message.ts';
import type { Operation } from '../../src/protocol/operation.ts';
import { accessRequest, destination } from '../support/policy.ts';
import { fc } from '../support/fast-check.ts';

const kb = destination('kb', { protocol: 'mcp', mcp: { path: '/mcp', revision: undefined } });
const models = destination('models', { protocol: 'llm' });
const helper = destination('helper', { protocol: 'a2a', a2a: { path: '/' } });
const nothingKept = { records: () => ({ put: () => undefined, delete: () => undefined, all: () => [] }) };
const knowledge = createMcpKnowledge(nothingKept);
const classifier = createClassifier([kb, models, helper], { mcp: knowledge });
const { task } = accessRequest();

function classify(to: typeof kb, path: string, body: string | Buffer, headers: readonly string[] = ['Content-Type', 'application/json']) {
  const target = { destination: to, host: to.hosts[0] ?? '', path, query: '' };
  const source = { task, headers, read: () => Promise.resolve(Buffer.from(body)) };
  return Promise.resolve(classifier.classify({ method: 'POST', target }, source));
}

/** Values that look like messages, and anything in their places. */
const word = fc.constantFrom(
  'tools/call',
  'tools/list',
  'SendMessage',
  'message/send',
  'search',
  'gpt',
  'https://evil.example/',
  'data:x',
  '',
  '2026-07-28',
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    word,
    fc.jsonValue({ maxDepth: 1 }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(
      fc.constantFrom(
        'jsonrpc',
        'id',
        'method',
        'params',
        'name',
        'arguments',
        '_meta',
        'uri',
        'ref',
        'type',
        'result',
        'error',
        'model',
        'messages',
        'tools',
        'tool_choice',
        'stream',
        'mcp_servers',
        'server_url',
        'url',
        'content',
        'image_url',
        'source',
        'inputResponses',
        'requestState',
        'configuration',
        'pushNotificationConfig',
        'taskId',
        '__proto__',
        'constructor',
      ),
      tie('any'),
      { maxKeys: 6 },
    ),
  ),
})).any;
const message = fc.oneof(
  value,
  fc.record({ jsonrpc: fc.constant('2.0'), id: fc.oneof(fc.integer(), word), method: word, params: value }),
  fc.record({ model: word, stream: fc.oneof(fc.boolean(), value), messages: value, tools: fc.array(value, { maxLength: 3 }) }),
);
const places = fc.constantFrom(
  [kb, '/mcp'] as const,
  [models, '/v1/chat/completions'] as const,
  [models, '/v1/messages'] as const,
  [helper, '/'] as const,
  [helper, '/message:send'] as const,
);

test('whatever a body says, it is an operation or a refusal, and never a failure', async () => {
  let operations = 0;
  await fc.assert(
    fc.asyncProperty(places, message, async ([to, path], body) => {
      const found = await classify(to, path, JSON.stringify(body) ?? '');
      assert.ok(found !== undefined);
      if (isRefusal(found)) return;
      operations += 1;
      assert.ok(found.resource !== '' && found.group === found.action && found.message !== undefined);
    }),
    { numRuns: 1500 },
  );
  assert.ok(operations > 20, `${operations} operations`);
});

test('bytes that are no JSON, and JSON that says a name twice, are refused everywhere', async () => {
  const spoilt = fc.tuple(message, fc.nat(), fc.constantFrom('\u0000', '}', '"', ',', '\\', '{}')).map(([body, at, by]) => {
    const text = JSON.stringify(body) ?? '';
    const cut = at % (text.length + 1);
    return text.slice(0, cut) + by + text.slice(cut);
  });
  await fc.assert(
    fc.asyncProperty(
      places,
      fc.oneof(
        spoilt,
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      ),
      async ([to, path], body) => {
        let valid = true;
        try {
          JSON.parse(body.toString());
        } catch {
          valid = false;
        }
        const found = await classify(to, path, body);
        if (!valid && body.length > 0) assert.ok(found !== undefined && isRefusal(found), body.toString());
      },
    ),
    { numRuns: 800 },
  );
  for (const [to, path] of [
    [kb, '/mcp'],
    [models, '/v1/messages'],
    [helper, '/'],
  ] as const) {
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","model":"a","params":{"name":"a"},"mod\\u0065l":"b"}';
    const found = await classify(to, path, body);
    assert.ok(found !== undefined && isRefusal(found));
  }
});

interface Filtered {
  readonly body: string;
  readonly cut: string | undefined;
}

/** A list of tools through the reader of its answer, in these pieces. */
async function listed(contentType: string, chunks: readonly Buffer[]): Promise<Filtered> {
  const operation = await classify(kb, '/mcp', '{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  assert.ok(operation !== undefined && !isRefusal(operation) && operation.message?.answer !== undefined);
  const out: Uint8Array[] = [];
  let cut: string | undefined;
  const to = { start: () => {}, write: (chunk: Uint8Array) => out.push(chunk) > 0, end: (chunk?: Uint8Array) => chunk && out.push(chunk) };
  const context = {
    task,
    callId: 'call_1',
    may: (operations: readonly Operation[]) => Promise.resolve(operations.map(({ resource }) => resource.startsWith('mine'))),
    tell: () => undefined,
    cut: (code: string) => void (cut = code),
  };
  const reply = operation.message.answer(to as unknown as Reply, context as unknown as AnswerContext);
  reply.start(200, ['content-type', contentType]);
  for (const chunk of chunks) reply.write(chunk);
  reply.end();
  await new Promise<void>((resolve) => (reply.onEnded === undefined ? resolve() : reply.onEnded(resolve)));
  return { body: Buffer.concat(out).toString(), cut };
}

test('a list holds what is permitted, in its order, wherever chunks end, as JSON and as events', async () => {
  const names = fc.uniqueArray(fc.constantFrom('mine-1', 'mine-2', 'theirs-1', 'mine "3"\n', 'theirs-é', 'mine-é'), { minLength: 1 });
  const end = fc.constantFrom('\n', '\r\n', '\r');
  const cuts = fc.array(fc.nat(400), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(names, fc.boolean(), end, cuts, async (tools, asEvents, line, at) => {
      const answer = JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        result: { tools: tools.map((name) => ({ name, inputSchema: {} })), nextCursor: 'n' },
      });
      const text = asEvents ? `: hello${line}${line}event: message${line}data: ${answer}${line}${line}` : answer;
      const bytes = Buffer.from(text);
      const sorted = [0, ...at.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
      const chunks = sorted.slice(1).map((to, index) => bytes.subarray(sorted[index], to));
      const { body, cut } = await listed(asEvents ? 'text/event-stream' : 'application/json', chunks);
      assert.equal(cut, undefined);
      const json = asEvents ? (/^data: (.*)$/m.exec(body)?.[1] ?? '') : body;
      const { result } = JSON.parse(json) as { result: { tools: { name: string }[]; nextCursor: string } };
      assert.deepEqual(
        result.tools.map(({ name }) => name),
        tools.filter((name) => name.startsWith('mine')),
      );
      assert.equal(result.nextCursor, 'n');
    }),
    { numRuns: 300 },
  );
});

test('a list that is cut off, or is none, does not reach the agent', async () => {
  const answer = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: [{ name: 'theirs-1' }] } });
  for (let at = 0; at < answer.length; at += 1) {
    const { body, cut } = await listed('application/json', [Buffer.from(answer.slice(0, at))]);
    assert.deepEqual([body, cut], ['', 'upstream_malformed'], answer.slice(0, at));
  }
});
