import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../../src/call.ts';
import { createMcpKnowledge } from '../../src/protocol/mcp/knowledge.ts';
import { McpReply } from '../../src/protocol/mcp/reply.ts';
import type { AnswerContext } from '../../src/protocol/message.ts';
import type { Operation } from '../../src/protocol/operation.ts';
import { fc } from '../support/fast-check.ts';
import { accessRequest, destination } from '../support/policy.ts';

const { task } = accessRequest();
const target = { destination: destination('kb', { protocol: 'mcp' }), host: 'kb.example.com', path: '/mcp', query: '' };
const nothingKept = { records: () => ({ put: () => undefined, delete: () => undefined, all: () => [] }) };
const knowledge = createMcpKnowledge(nothingKept);
const isMine = (name: string): boolean => name.startsWith('mine');

interface Answer {
  readonly method: string;
  readonly type: string;
  readonly chunks: readonly Buffer[];
}

/** What of an answer reaches the agent of a task that may use what is `mine`. */
async function reaching({ method, type, chunks }: Answer): Promise<string> {
  const sent: Uint8Array[] = [];
  let started = false;
  let isCut = false;
  const to = {
    get started() {
      return started;
    },
    start: () => (started = true),
    write: (chunk: Uint8Array) => sent.push(chunk) > 0,
    end: (chunk?: Uint8Array) => chunk && sent.push(chunk),
    onDrain: () => undefined,
    breakOff: () => undefined,
  };
  const context = {
    task,
    callId: 'call_1',
    may: (all: readonly Operation[]) => Promise.resolve(all.map(({ resource }) => isMine(resource))),
    tell: () => undefined,
    cut: () => (isCut = true),
  };
  const id = method.startsWith('session/') ? undefined : 1;
  const options = { ...knowledge, method, id, call: method, session: undefined, era: 'legacy', target } as const;
  const reply = new McpReply(to as unknown as Reply, { ...options, context: context as unknown as AnswerContext });
  reply.start(200, ['content-type', type]);
  for (const chunk of chunks) if (!isCut) reply.write(chunk);
  if (!isCut) reply.end();
  await new Promise<void>((resolve) => reply.onEnded(resolve));
  return Buffer.concat(sent).toString();
}

const kinds = { tools: 'name', prompts: 'name', resources: 'uri', resourceTemplates: 'uriTemplate' };
const names = fc.array(fc.constantFrom('mine-1', 'mine-2', 'theirs-1', 'theirs-2'), { maxLength: 4 });
const list = fc
  .tuple(fc.constantFrom(...Object.entries(kinds)), names)
  .map(([[member, name], all]) => ({ [member]: all.map((each) => ({ [name]: each })) }));
const odd = fc.constantFrom(
  null,
  'theirs',
  {},
  [{ tools: [{ name: 'theirs-1' }] }],
  { tools: 'theirs' },
  { prompts: ['theirs'] },
  { content: ['theirs'] },
);
const result = fc.oneof(
  { weight: 6, arbitrary: list },
  fc.tuple(list, list).map(([one, other]) => ({ ...one, ...other })),
  odd,
);
const message = fc.oneof(
  { weight: 4, arbitrary: fc.record({ jsonrpc: fc.constant('2.0'), id: fc.constantFrom(1, 2, '1', null), result }) },
  fc.record({ jsonrpc: fc.constant('2.0'), method: fc.constantFrom('notifications/progress', 'ping'), params: result }),
);
const spelt = fc.oneof(message, fc.array(message, { maxLength: 3 })).chain((value) => {
  const text = JSON.stringify(value);
  return fc.constantFrom(text, text.replaceAll('tools', '\\u0074ools'), JSON.stringify(value, null, 1));
});

/** Every message that a client would read in it. */
function messagesIn(body: string, type: string): unknown[] {
  const texts =
    type === 'text/event-stream'
      ? body.split(/(?:\r\n|\n|\r){2}/).map((event) =>
          event
            .split(/\r\n|\n|\r/)
            .flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length)] : []))
            .join('\n'),
        )
      : [body];
  return texts.flatMap((text) => {
    try {
      const value: unknown = JSON.parse(text);
      return Array.isArray(value) ? (value as unknown[]) : [value];
    } catch {
      return [];
    }
  });
}

const lists = ['tools', 'prompts', 'resources', 'resourceTemplates'];

/** Names in the lists that clients may read in these messages: in the answer to this call the one that was asked for, in others any. */
function listedIn(messages: readonly unknown[], method: string): string[] {
  return messages.flatMap((each) => {
    const { id, result: given } = (each ?? {}) as { id?: unknown; result?: Record<string, unknown> | null };
    if (typeof given !== 'object' || given === null) return [];
    const read = id !== 1 || method === 'session/GET' ? lists : method === 'tools/list' ? ['tools'] : [];
    const found = JSON.stringify(read.map((name) => given[name]));
    return found.match(/(?:mine|theirs)[^"]*/g) ?? [];
  });
}

function eventOf(text: string): string {
  return `${text.replaceAll(/^/gm, 'data: ')}\n\n`;
}

test('of lists nothing reaches an agent but what its task may use, in whatever answer, spelling and chunks they come', async () => {
  const method = fc.constantFrom('tools/list', 'tools/call', 'session/GET');
  const type = fc.constantFrom('application/json', 'text/event-stream');
  const cuts = fc.array(fc.nat(2000), { maxLength: 6 });
  let reached = 0;
  await fc.assert(
    fc.asyncProperty(method, type, fc.array(spelt, { minLength: 1, maxLength: 4 }), cuts, async (asked, as, texts, at) => {
      const bytes = Buffer.from(as === 'application/json' ? (texts[0] ?? '') : texts.map(eventOf).join(''));
      const sorted = [0, ...at.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
      const chunks = sorted.slice(1).map((to, index) => bytes.subarray(sorted[index], to));
      const body = await reaching({ method: asked, type: as, chunks });
      // A body that is under way is broken off before its end, which a client sees.
      if (as === 'application/json' && asked !== 'tools/list') return;
      const names = listedIn(messagesIn(body, as), asked);
      reached += names.length;
      assert.deepEqual(
        names.filter((name) => !isMine(name)),
        [],
        body,
      );
    }),
    { numRuns: 2000 },
  );
  assert.ok(reached > 100, `${reached} entries`);
});
