// A list of 10,000 tools filtered for a task: time and memory, with decisions that are kept and with none yet.
import { createEngine } from '../../src/policy/cedar-engine.ts';
import { parsePolicies } from '../../src/policy/cedar-source.ts';
import { loadCedar } from '../../src/policy/cedar-wasm.ts';
import { cached } from '../../src/policy/decision-cache.ts';
import { grant, type AccessRequest } from '../../src/policy/policy.ts';
import { planOf } from '../../src/policy/read-plan.ts';
import { vocabularyOf } from '../../src/policy/schema.ts';
import { isRefusal } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json-value.ts';
import { createToolDefinitions } from '../../src/protocol/mcp/definitions.ts';
import { filtered, listIn } from '../../src/protocol/mcp/lists.ts';
import type { AnswerContext } from '../../src/protocol/message.ts';
import { accessRequest, destination, intents } from '../../test/support/policy.ts';

const server = destination('kb', { protocol: 'mcp' });
const tools = Array.from({ length: 10_000 }, (_, i) => ({
  name: `team${i % 100}.tool${i}`,
  description: `Does what team ${i % 100} needs done, number ${i}`,
  inputSchema: { type: 'object', properties: { q: { type: 'string' }, limit: { type: 'integer' } }, required: ['q'] },
}));
const message: JsonObject = { jsonrpc: '2.0', id: 1, result: { tools } };
const list = listIn(message, { method: 'tools/list', id: 1 });
if (list === undefined) throw new Error('no list');
const cedar = loadCedar();
const vocabulary = vocabularyOf([server], Object.keys(intents));
const text = 'permit (principal, action == Action::"call_tool", resource) when { context.mcp.tool like "team7.*" };';
const { policies } = parsePolicies(cedar, [{ file: 'bench.cedar', text }]);
const pdp = cached(createEngine(cedar, { policies, vocabulary }), planOf(policies, vocabulary));
const like: AccessRequest = {
  ...accessRequest({ tool: 'x' }),
  target: { destination: server, host: 'kb.example.com', path: '/mcp', query: '' },
};
const context = {
  task: like.task,
  may: (operations: readonly AccessRequest['operation'][]) =>
    Promise.resolve(operations.map((operation) => !isRefusal(grant({ ...like, operation }, pdp.decide({ ...like, operation }))))),
  tell: () => undefined,
} as unknown as AnswerContext;
const kept = new Map<string, unknown>();
const records = { put: (id: string, value: unknown) => void kept.set(id, value), delete: () => undefined, all: () => [] };
const definitions = createToolDefinitions({ records: () => records } as never);

for (const round of ['first, every definition new', 'again', 'again', 'again']) {
  const before = process.memoryUsage().heapUsed;
  const startedAt = performance.now();
  const answer = await filtered(list, { era: 'modern', target: like.target, definitions, context });
  const ms = performance.now() - startedAt;
  const mb = (process.memoryUsage().heapUsed - before) / 1024 ** 2;
  const left = (answer as { result: { tools: unknown[] } }).result.tools.length;
  console.log(`${ms.toFixed(1).padStart(8)} ms  ${mb.toFixed(1).padStart(6)} MB heap  ${left} of ${tools.length} left, ${round}`);
}
