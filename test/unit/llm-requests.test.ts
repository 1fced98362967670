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
  ['/openai/deployments/gpt-5/extensions/chat/completions', { api: 'chat', model: 'gpt-5' }],
  ['/v1/engines/davinci/completions', { api: 'completions', model: 'davinci' }],
  ['/models/chat/completions', { api: 'chat' }],
  ['/v1/projects/p/locations/l/endpoints/openapi/chat/completions', { api: 'chat' }],
  ['/v1/projects/p/locations/l/endpoints/123/chat/completions', undefined],
  ['/models/meta/large/v1/chat/completions', undefined],
  ['/openai/deployments/gpt-5/responses', undefined],
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

test('a request that names a second model, or a switch in another spelling, cannot be read', () => {
  for (const more of [
    { models: ['m', 'large'] },
    { fallbacks: ['large'] },
    { fallbacks: [{ model: 'large' }] },
    { extra_body: { model: 'large' } },
  ])
    assert.equal(read({ model: 'm', ...more }), undefined, JSON.stringify(more));
  for (const name of [
    'Model',
    'MODEL',
    'Tools',
    'tool\u017F',
    'mcpServers',
    'MCP-Servers',
    'Stream',
    'webSearchOptions',
    'PREVIOUS_RESPONSE_ID',
  ])
    assert.equal(read({ model: 'm', [name]: 'large' }), undefined, name);
  assert.equal(read({ model: 'm', extra_body: { Tools: [] } }), undefined);
  assert.equal(read({ model: 'm', models: ['m'], topK: 1, TEMPERATURE: 0 })?.model, 'm');
});

test('each of several answers, and each of several prompts, may have so many tokens', () => {
  assert.equal(read({ model: 'm' })?.answers, 1);
  assert.equal(read({ model: 'm', n: 128, best_of: 2 })?.answers, 128);
  assert.equal(read({ model: 'm', n: '5' })?.answers, 5);
  assert.equal(read({ model: 'm', n: -5 })?.answers, 1);
  assert.equal(read({ model: 'm', n: 2, prompt: ['a', 'b', 'c'] }, '/v1/completions')?.answers, 6);
  assert.equal(read({ model: 'm', prompt: [1, 2, 3] }, '/v1/completions')?.answers, 1);
  assert.equal(read({ generation_config: { candidate_count: 3, max_output_tokens: 7 } }, '/v1beta/models/m:generateContent')?.answers, 3);
  assert.equal(read({ generation_config: { candidate_count: 3, max_output_tokens: 7 } }, '/v1beta/models/m:generateContent')?.maxTokens, 7);
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
  // Some servers take one for a list of one.
  [{ tools: { googleSearch: {} } }, [], ['googleSearch']],
  [{ tools: { type: 'mcp', server_url: 'https://a.example' } }, [], ['mcp']],
  [{ mcp_servers: { type: 'url', url: 'https://a.example' } }, [], ['mcp']],
  [{ tool_config: { tools: { systemTool: {} } } }, [], ['systemTool']],
  [{ tools: [{ name: 'a', googleSearch: {} }] }, ['a'], ['googleSearch']],
  [{ tools: [{ type: 'function', function: { name: 'a' }, url_context: {} }] }, ['a'], ['url_context']],
  [{ tools: [{ type: 'function', name: 'a', Type: 'mcp' }] }, ['a'], ['Type']],
  [{ tools: [{ type: ['mcp'], name: 'a' }] }, [], ['unreadable']],
  [{ toolConfig: { tools: [{ toolSpec: { name: 'a' } }, { cachePoint: { type: 'default' } }] } }, ['a'], []],
  [{ tools: [{ name: 'a', input_schema: {}, cache_control: { type: 'ephemeral' }, strict: true }] }, ['a'], []],
  [{ extra_body: { tools: [{ type: 'web_search' }] } }, [], ['web_search']],
  [{ additionalModelRequestFields: { mcp_servers: [{ url: 'https://a.example' }] } }, [], ['mcp']],
  [{ data_sources: [{ type: 'azure_search', parameters: { endpoint: 'https://a.example' } }] }, [], ['data_source:azure_search']],
  [{ model: 'm:online' }, [], ['plugin:web']],
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
  for (const more of [{ type: 'mcp' }, { require_approval: 'always' }])
    assert.equal(offeredTools({ mcp_servers: [{ url: 'https://a.example', ...more }] }).unattended, true, JSON.stringify(more));
});

function urlsOf(body: JsonObject): readonly string[] {
  return offeredTools(body).urls;
}

function sourced(authentication: JsonObject) {
  return offeredTools({ data_sources: [{ type: 'azure_search', parameters: { endpoint: 'https://a.example', authentication } }] });
}

test('every place where a provider is to reach something is found, however it is written', () => {
  assert.deepEqual(urlsOf({ tools: [{ type: 'mcp', server_url: 'https://a.example', url: 'https://b.example' }] }), [
    'https://a.example',
    'https://b.example',
  ]);
  assert.deepEqual(urlsOf({ mcp_servers: [{ type: 'url', url: ['https://a.example'] }] }), ['']);
  assert.deepEqual(urlsOf({ tools: [{ mcpServers: [{ streamableHttpTransport: { url: 'https://a.example' } }] }] }), ['https://a.example']);
  assert.deepEqual(urlsOf({ tools: [{ type: 'image_generation', input_image_mask: { image_url: 'https://a.example' } }] }), [
    'https://a.example',
  ]);
  const keyed = sourced({ type: 'api_key', key: 'x' });
  assert.deepEqual([keyed.urls, keyed.credentials, sourced({ type: 'system' }).credentials], [['https://a.example'], true, false]);

  const url = 'https://a.example/x';
  for (const part of [
    { type: 'document_url', document_url: url },
    { type: 'image_url', image_url: [url] },
    { type: 'image_url', image_url: { URL: url } },
    { type: 'image_url', image_url: { url: { url } } },
    { type: 'IMAGE_URL', IMAGE_URL: { url } },
    { type: 'imageUrl', imageUrl: url },
    { type: 'tool_use', uuid: 'x', image_url: { url } },
    { type: 'file', file: { file_data: url } },
    { type: 'input_audio', input_audio: { data: url } },
    { type: 'video', video: [url] },
    { file_data: { file_uri: url } },
  ])
    assert.deepEqual(linksIn({ messages: [{ role: 'user', content: [part] }] }), [url], JSON.stringify(part));
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
