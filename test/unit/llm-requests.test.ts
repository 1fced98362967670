import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/json-value.ts';
import { modelPath } from '../../src/protocol/llm/api.ts';
import { linksIn, offeredTools } from '../../src/protocol/llm/provider-tools.ts';
import { modelRequest } from '../../src/protocol/llm/request.ts';

const paths: readonly (readonly [path: string, expected: object | undefined])[] = [
  ['/v1/chat/completions', { api: 'chat' }],
  ['/v1/responses', { api: 'responses' }],
  ['/v1/messages', { api: 'messages' }],
  ['/v1/messages/count_tokens', { api: 'messages' }],
  ['/v1/completions', { api: 'completions' }],
  ['/v1/embeddings', { api: 'embeddings' }],
  ['/gateway/openai/v1/chat/completions', { api: 'chat' }],
  ['/openai/deployments/gpt-5/chat/completions', { api: 'chat', model: 'gpt-5' }],
  ['/model/us.anthropic.claude-4/invoke', { api: 'messages', model: 'us.anthropic.claude-4', streaming: false }],
  ['/model/anthropic.claude-4/invoke-with-response-stream', { api: 'messages', model: 'anthropic.claude-4', streaming: true }],
  ['/model/meta.llama/converse', { api: 'converse', model: 'meta.llama', streaming: false }],
  ['/model/meta.llama/converse-stream', { api: 'converse', model: 'meta.llama', streaming: true }],
  [
    '/v1/projects/p/locations/l/publishers/anthropic/models/claude-4:streamRawPredict',
    { api: 'messages', model: 'claude-4', streaming: true },
  ],
  ['/v1beta/models/gemini-3:generateContent', { api: 'generate', model: 'gemini-3', streaming: false }],
  ['/v1beta/models/gemini-3:streamGenerateContent', { api: 'generate', model: 'gemini-3', streaming: true }],
  ['/v1/messages/batches', undefined],
  ['/v1/files', undefined],
  ['/v1/batches', undefined],
  ['/v1/responses/resp_1/cancel', undefined],
  ['/v1/realtime', undefined],
  ['/model/meta.llama/invoke', undefined],
];

test('a path says which API is called, and of gateways which model', () => {
  for (const [path, expected] of paths) assert.deepEqual(modelPath(path), expected, path);
});

function read(body: JsonObject, path = '/v1/chat/completions') {
  const found = modelPath(path);
  assert.ok(found);
  return modelRequest(body, found);
}

test('a request without one model, or with a switch that is none, cannot be read', () => {
  assert.equal(read({}), undefined);
  assert.equal(read({ model: '' }), undefined);
  assert.equal(read({ model: ['gpt-5'] }), undefined);
  assert.equal(read({ model: 'gpt-5', stream: 'true' }), undefined);
  assert.equal(read({ model: 'gpt-6' }, '/openai/deployments/gpt-5/chat/completions'), undefined);
  assert.equal(read({ stream: true }, '/v1beta/models/gemini-3:generateContent'), undefined);
  assert.equal(read({ model: 'gpt-5', stream: null })?.streaming, false);
});

test('what the model may write at most is the largest limit that is said anywhere', () => {
  assert.equal(read({ model: 'm', max_tokens: 10, max_completion_tokens: 500 })?.maxTokens, 500);
  assert.equal(read({ generationConfig: { maxOutputTokens: 7 } }, '/v1beta/models/m:generateContent')?.maxTokens, 7);
  assert.equal(read({ model: 'm' })?.maxTokens, undefined);
  assert.equal(read({ model: 'm', max_tokens: '10' })?.maxTokens, undefined);
});

test('a request that goes on from what lies at the provider says so', () => {
  for (const more of [{ previous_response_id: 'r' }, { conversation: 'c' }, { prompt: { id: 'p' } }, { container: 'c' }]) {
    assert.equal(read({ model: 'm', ...more }, '/v1/responses')?.stored, true, JSON.stringify(more));
  }
  assert.equal(read({ model: 'm', prompt: 'Once upon' }, '/v1/completions')?.stored, false);
  assert.equal(read({ model: 'm', previous_response_id: null }, '/v1/responses')?.stored, false);
});

const tools: readonly (readonly [body: JsonObject, own: readonly string[], providers: readonly string[]])[] = [
  [{ tools: [{ type: 'function', function: { name: 'a' } }] }, ['a'], []],
  [
    {
      tools: [
        { type: 'function', name: 'a' },
        { type: 'custom', name: 'b' },
      ],
    },
    ['a', 'b'],
    [],
  ],
  [{ tools: [{ name: 'a', input_schema: {} }] }, ['a'], []],
  [{ tools: [{ type: 'bash_20250124', name: 'bash' }] }, ['bash'], []],
  [{ functions: [{ name: 'old' }] }, ['old'], []],
  [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, [], ['web_search_20250305']],
  [{ tools: [{ type: 'code_interpreter' }, { type: 'never_seen_before' }] }, [], ['code_interpreter', 'never_seen_before']],
  [{ tools: [{ type: 'mcp', server_url: 'https://a.example' }] }, [], ['mcp']],
  [{ tools: [{ type: 'mcp', connector_id: 'connector_gmail' }] }, [], ['connector:connector_gmail']],
  [{ mcp_servers: [{ type: 'url', url: 'https://a.example', name: 'a' }] }, [], ['mcp']],
  [{ tools: [{ functionDeclarations: [{ name: 'a' }, { name: 'b' }] }] }, ['a', 'b'], []],
  [{ tools: [{ googleSearch: {} }, { functionDeclarations: [], codeExecution: {} }] }, [], ['googleSearch', 'codeExecution']],
  [{ toolConfig: { tools: [{ toolSpec: { name: 'a' } }, { systemTool: { name: 'nova_grounding' } }] } }, ['a'], ['systemTool']],
  [{ web_search_options: {} }, [], ['web_search']],
  [{ container: { skills: [{}] } }, [], ['code_execution']],
  [{ plugins: [{ id: 'web' }] }, [], ['plugin:web']],
  [{ tools: ['web_search'] }, [], ['unreadable']],
];

test("tools are told apart by who carries them out, and what is not known is the provider's", () => {
  for (const [body, own, providers] of tools) {
    const found = offeredTools(body);
    assert.deepEqual([found.own, found.providers], [own, providers], JSON.stringify(body));
  }
});

test('servers of the provider are found with their URLs, credentials, and whether anyone is asked', () => {
  const openai = offeredTools({
    tools: [{ type: 'mcp', server_url: 'https://a.example', require_approval: 'never', headers: { authorization: 'x' } }],
  });
  assert.deepEqual([openai.urls, openai.credentials, openai.unattended], [['https://a.example'], true, true]);
  const asked = offeredTools({ tools: [{ type: 'mcp', server_url: 'https://a.example' }] });
  assert.deepEqual([asked.credentials, asked.unattended], [false, false]);
  const partly = offeredTools({ tools: [{ type: 'mcp', server_url: 'https://a.example', require_approval: { never: {} } }] });
  assert.equal(partly.unattended, true);
  const anthropic = offeredTools({ mcp_servers: [{ type: 'url', url: 'https://a.example', authorization_token: 'x' }] });
  assert.deepEqual([anthropic.urls, anthropic.credentials, anthropic.unattended], [['https://a.example'], true, true]);
});

test('what the provider will fetch is found wherever it stands, and nothing else', () => {
  const body: JsonObject = {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'https://a.example/1' } },
          { type: 'text', text: 'https://t.example' },
        ],
      },
      { role: 'user', content: [{ type: 'document', source: { type: 'url', url: 'https://a.example/2' } }] },
      {
        role: 'user',
        content: [{ type: 'tool_result', content: [{ type: 'image', source: { type: 'url', url: 'https://a.example/3' } }] }],
      },
      { role: 'assistant', content: [{ type: 'tool_use', input: { image_url: 'https://t.example', source: 'x' } }] },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }] },
      { role: 'user', content: [{ type: 'image', source: { type: 'base64', data: 'AA' } }] },
    ],
    input: [
      { type: 'input_image', image_url: 'https://a.example/4' },
      { type: 'input_file', file_url: 'https://a.example/5' },
    ],
    contents: [{ parts: [{ fileData: { fileUri: 'gs://bucket/6' } }, { functionCall: { args: { file_url: 'https://t.example' } } }] }],
  };
  assert.deepEqual(linksIn(body).toSorted(), ['gs://bucket/6', ...[1, 2, 3, 4, 5].map((n) => `https://a.example/${n}`)]);
});
