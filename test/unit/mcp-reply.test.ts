import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../../src/call.ts';
import { createMcpKnowledge } from '../../src/protocol/mcp/knowledge.ts';
import { McpReply } from '../../src/protocol/mcp/reply.ts';
import type { AnswerContext } from '../../src/protocol/message.ts';
import { fc } from '../support/fast-check.ts';
import { accessRequest, destination } from '../support/policy.ts';

const { task } = accessRequest();
const target = { destination: destination('kb', { protocol: 'mcp' }), host: 'kb.example.com', path: '/mcp', query: '' };
const nothingKept = { records: () => ({ put: () => undefined, delete: () => undefined, all: () => [] }) };

interface Read {
  readonly reply: McpReply;
  readonly sent: Uint8Array[];
  readonly cuts: string[];
  readonly drained: () => number;
}

/** An answer of this type to a method, and what comes of it at the other end. */
function answerTo(method: string, type: string, may: AnswerContext['may'] = (all) => Promise.resolve(all.map(() => true))): Read {
  const sent: Uint8Array[] = [];
  const cuts: string[] = [];
  let started = false;
  let drained = 0;
  const to = {
    get started() {
      return started;
    },
    start() {
      assert.equal(started, false, 'started once');
      started = true;
    },
    write: (chunk: Uint8Array) => sent.push(chunk) > 0,
    end: (chunk?: Uint8Array) => chunk && sent.push(chunk),
    flush: () => {},
    onDrain: () => {},
    breakOff: () => cuts.push('broken off'),
  };
  const context = { task, callId: 'call_1', may, tell: () => {}, cut: (code: string) => void cuts.push(code) };
  const reply = new McpReply(to as unknown as Reply, {
    ...createMcpKnowledge(nothingKept),
    method,
    id: 1,
    call: method,
    session: undefined,
    era: 'legacy',
    target,
    context: context as unknown as AnswerContext,
  });
  reply.onDrain(() => (drained += 1));
  reply.start(200, ['content-type', type]);
  return { reply, sent, cuts, drained: () => drained };
}

const list = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: [{ name: 'search' }] } }));

test('nothing of a list is sent once its call was cut, also where its policy answers later', async () => {
  const { promise, resolve } = Promise.withResolvers<readonly boolean[]>();
  const { reply, sent, cuts } = answerTo('tools/list', 'application/json', () => promise);
  reply.end(list);
  assert.equal(reply.started, true);
  reply.breakOff('task_revoked');
  resolve([true]);
  await promise;
  await new Promise<void>((done) => reply.onEnded(done));
  assert.deepEqual([sent, cuts, reply.started], [[], [], false]);
});

test('a list whose policy fails ends the call', async () => {
  const { reply, sent, cuts } = answerTo('tools/list', 'application/json', () => Promise.reject(new Error('no policy')));
  reply.end(list);
  await new Promise<void>((done) => reply.onEnded(done));
  assert.deepEqual([sent, cuts], [[], ['policy_error']]);
});

test('what comes behind a list waits for it, and so does the server', async () => {
  const { promise, resolve } = Promise.withResolvers<readonly boolean[]>();
  const { reply, sent, drained } = answerTo('tools/list', 'text/event-stream', () => promise);
  assert.equal(reply.write(Buffer.from(`data: ${list.toString()}\n\n: behind\n\n`)), false);
  assert.deepEqual([sent, drained()], [[], 0]);
  resolve([true]);
  await promise;
  reply.end();
  await new Promise<void>((done) => reply.onEnded(done));
  assert.match(Buffer.concat(sent).toString(), /^data: .*search.*\n\n: behind\n\n$/);
});

test('all answers together hold no more than Exeat can', () => {
  const megabyte = Buffer.alloc(1024 ** 2, ' ');
  const held = Array.from({ length: 30 }, () => answerTo('tools/list', 'application/json'));
  for (const { reply } of held) for (let i = 0; i < 10; i += 1) reply.write(megabyte);
  assert.ok(held.some(({ cuts }) => cuts.includes('overloaded')));
  for (const { reply } of held) reply.breakOff();
  const { reply, cuts } = answerTo('tools/list', 'application/json');
  for (let i = 0; i < 10; i += 1) reply.write(megabyte);
  assert.deepEqual(cuts, []);
  for (let i = 0; i < 10; i += 1) reply.write(megabyte);
  assert.deepEqual(cuts, ['upstream_malformed']);
});

test('a stream that holds no list passes byte for byte, wherever its chunks end', () => {
  const line = fc.constantFrom(
    'data: {"method":"notifications/progress"}',
    'data',
    'data:',
    ': "tools"',
    'id: 7',
    'event: x',
    '',
    'garbage é',
  );
  const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 30 });
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 10 }), (lines, cuts) => {
      const bytes = Buffer.from(lines.flat().join(''));
      const at = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
      const { reply, sent } = answerTo('tools/call', 'text/event-stream');
      for (const [index, to] of [...at, bytes.length].entries()) reply.write(bytes.subarray(at[index - 1] ?? 0, to));
      reply.end();
      assert.deepEqual(Buffer.concat(sent), bytes);
    }),
    { numRuns: 300 },
  );
});
