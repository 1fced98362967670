// The OpenAI and Anthropic SDKs, streaming with tools, against a server that speaks their APIs as they are documented, with Exeat between them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startSidecar, type RunningSidecar } from '../support/exeat.ts';
import { nodePackages } from '../support/node-packages.ts';
import { start } from '../support/program.ts';
import { environment } from '../support/tools.ts';

const host = 'models.interop.example';
const policy = `
  @id("weather") permit (principal, action == Action::"infer", resource)
    when { context.llm.model == "small-1" && context.llm.streaming && context.llm.tools == ["weather"] };`;

const stack = new AsyncDisposableStack();
const folder = mkdtempSync(join(tmpdir(), 'exeat-models-'));
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
let installed: string;
let sidecar: RunningSidecar;

const data = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const event = (value: { readonly type: string }): string => `event: ${value.type}\n${data(value)}`;
const chunk = (more: object): string => data({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'small-1', ...more });
const delta = (call: object): object => ({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...call }] }, finish_reason: null }] });
const item = { type: 'function_call', id: 'f1', call_id: 'k1', name: 'weather', arguments: '' };
const response = { id: 'r1', object: 'response', status: 'completed', model: 'small-1', output: [] };

/** One answer of each API: the model calls the tool, its arguments in two pieces. */
const answers: Readonly<Record<string, string>> = {
  '/v1/chat/completions': [
    chunk(delta({ id: 'k1', type: 'function', function: { name: 'weather', arguments: '{"city":' } })),
    chunk(delta({ function: { arguments: '"Paris"}' } })),
    chunk({ choices: [], usage: { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 } }),
    'data: [DONE]\n\n',
  ].join(''),
  '/v1/responses': [
    event({ type: 'response.created', response: { ...response, status: 'in_progress' } } as { type: string }),
    event({ type: 'response.output_item.added', output_index: 0, item } as { type: string }),
    ...['{"city":', '"Paris"}'].map((part) =>
      event({ type: 'response.function_call_arguments.delta', output_index: 0, item_id: 'f1', delta: part } as { type: string }),
    ),
    event({
      type: 'response.completed',
      response: { ...response, usage: { input_tokens: 30, output_tokens: 12, total_tokens: 42 } },
    } as { type: string }),
  ].join(''),
  '/v1/messages': [
    event({
      type: 'message_start',
      message: {
        id: 'm1',
        type: 'message',
        role: 'assistant',
        model: 'small-1',
        content: [],
        usage: { input_tokens: 30, output_tokens: 1 },
      },
    } as { type: string }),
    event({ type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'k1', name: 'weather', input: {} } } as {
      type: string;
    }),
    ...['{"city":', '"Paris"}'].map((part) =>
      event({ type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: part } } as { type: string }),
    ),
    event({ type: 'content_block_stop', index: 0 } as { type: string }),
    event({ type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 12 } } as { type: string }),
    event({ type: 'message_stop' }),
  ].join(''),
};

before(
  async () => {
    installed = await nodePackages(['openai@7.57.0', '@anthropic-ai/sdk@1.13.0'], new URL('programs/', import.meta.url).pathname);
    const server = createServer((request, answer) => {
      request.resume();
      const text = answers[request.url ?? ''];
      answer.writeHead(text === undefined ? 404 : 200, { 'content-type': 'text/event-stream' }).end(text ?? '');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stack.defer(() => void server.close());
    const { port } = server.address() as AddressInfo;
    sidecar = await startSidecar(folder, {
      policy,
      identity: { source: 'local', folder: join(folder, 'identity') },
      intents: { work: { description: 'Interop', destinations: ['models'] } },
      destinations: { models: { hosts: [`http://${host}`], connect_to: `127.0.0.1:${port}`, allow_private: true, protocol: 'llm' } },
    });
    stack.use(sidecar);
  },
  { timeout: 15 * 60_000 },
);
after(() => stack.disposeAsync());

interface Seen {
  readonly tool?: string;
  readonly arguments: string;
  readonly tokens?: number;
  readonly error?: string;
}

async function ask(proxyUrl: URL, words: readonly string[]): Promise<Seen> {
  const env = { ...environment(), NODE_USE_ENV_PROXY: '1', http_proxy: proxyUrl.href, no_proxy: '' };
  await using client = start(process.execPath, [join(installed, 'client.mjs'), ...words], { env });
  const { stdout, stderr } = await client.ended();
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Seen;
}

for (const [sdk, name] of [
  ['chat', 'OpenAI SDK, chat'],
  ['responses', 'OpenAI SDK, responses'],
  ['messages', 'Anthropic SDK'],
] as const) {
  test(`${name}: a streamed call of a tool arrives whole, and its tokens stand in the audit`, { timeout: 60_000 }, async () => {
    await using task = await sidecar.open('work');
    const seen = await ask(task.proxyUrl, [sdk, `http://${host}`]);
    assert.deepEqual(seen, { tool: 'weather', arguments: '{"city":"Paris"}', tokens: 42 });
    const calls = await task.calls();
    assert.deepEqual(
      calls.map(({ operation, usage }) => ({ operation, usage })),
      [{ operation: 'models infer small-1', usage: { input_tokens: 30, output_tokens: 12 } }],
    );
  });

  test(`${name}: a tool that the provider would carry out is refused, in words that it shows`, { timeout: 60_000 }, async () => {
    await using task = await sidecar.open('work');
    const seen = await ask(task.proxyUrl, [sdk, `http://${host}`, 'web_search']);
    assert.match(seen.error ?? '', /provider_tool_refused/);
  });
}
