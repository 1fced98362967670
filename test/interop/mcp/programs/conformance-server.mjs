// A server of the official SDK (sessions, 2025-11-25) with all that the official conformance suite asks for: prints its port.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import {
  answers,
  completion,
  contentsOf,
  listedPrompts,
  listedResources,
  none,
  pause,
  prompts,
  resourceTemplates,
  text,
} from './conformance-content.mjs';

const defaults = {
  type: 'object',
  properties: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
};
const titled = (names) => names.map((name, i) => ({ const: name, title: `Option ${i}` }));
const enums = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: titled(['value1', 'value2', 'value3']) },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['One', 'Two', 'Three'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: titled(['value1', 'value2', 'value3']) } },
  },
};
const elicit =
  (requestedSchema) =>
  async (_given, { server }) => {
    const { action, content } = await server.elicitInput({ message: 'Please answer', requestedSchema });
    return [text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`)];
  };
const tools = {
  ...answers,
  test_tool_with_logging: [
    none,
    async (_given, { log }) => {
      for (const words of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await log(words);
        await pause(50);
      }
      return [text('logged')];
    },
  ],
  test_sampling: [
    { type: 'object', properties: { prompt: { type: 'string' } } },
    async ({ prompt }, { server }) => {
      const { content } = await server.createMessage({ messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 });
      return [text(`LLM response: ${content.text}`)];
    },
  ],
  test_elicitation: [
    { type: 'object', properties: { message: { type: 'string' } } },
    async ({ message }, { server }) => {
      const requestedSchema = {
        type: 'object',
        properties: { username: { type: 'string' }, email: { type: 'string' } },
        required: ['username'],
      };
      const { action, content } = await server.elicitInput({ message, requestedSchema });
      return [text(`User response: action=${action}, content=${JSON.stringify(content)}`)];
    },
  ],
  test_elicitation_sep1034_defaults: [none, elicit(defaults)],
  test_elicitation_sep1330_enums: [none, elicit(enums)],
};

function build() {
  const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, logging: {}, completions: {} };
  const server = new Server({ name: 'conformance', version: '1.0.0' }, { capabilities });
  server.setRequestHandler(types.ListToolsRequestSchema, () => ({
    tools: Object.entries(tools).map(([name, [inputSchema]]) => ({ name, description: `The tool ${name}`, inputSchema })),
  }));
  server.setRequestHandler(types.CallToolRequestSchema, async ({ params }, extra) => {
    const { name, arguments: given = {}, _meta: meta } = params;
    const { sendNotification, requestId } = extra;
    const related = {
      elicitInput: (asked) => extra.sendRequest({ method: 'elicitation/create', params: asked }, types.ElicitResultSchema),
      createMessage: (asked) => extra.sendRequest({ method: 'sampling/createMessage', params: asked }, types.CreateMessageResultSchema),
    };
    const log = (data) => sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
    const progress = (at) =>
      sendNotification({
        method: 'notifications/progress',
        params: { progressToken: meta?.progressToken ?? requestId, progress: at, total: 100 },
      });
    if (tools[name] === undefined) throw new types.McpError(types.ErrorCode.InvalidParams, 'no such tool');
    try {
      return { content: await tools[name][1](given, { server: related, log, progress }) };
    } catch (error) {
      return { isError: true, content: [text(error.message)] };
    }
  });
  server.setRequestHandler(types.ListResourcesRequestSchema, () => ({ resources: listedResources }));
  server.setRequestHandler(types.ListResourceTemplatesRequestSchema, () => ({ resourceTemplates }));
  server.setRequestHandler(types.ReadResourceRequestSchema, ({ params: { uri } }) => ({ contents: contentsOf(uri) }));
  server.setRequestHandler(types.SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(types.UnsubscribeRequestSchema, () => ({}));
  server.setRequestHandler(types.SetLevelRequestSchema, () => ({}));
  server.setRequestHandler(types.ListPromptsRequestSchema, () => ({ prompts: listedPrompts }));
  server.setRequestHandler(types.GetPromptRequestSchema, ({ params: { name, arguments: given = {} } }) => prompts[name][1](given));
  server.setRequestHandler(types.CompleteRequestSchema, () => ({ completion }));
  return server;
}

const sessions = new Map();
const http = createServer((request, response) => {
  void serve(request, response).catch(() => response.destroy());
});

async function serve(request, response) {
  const known = sessions.get(request.headers['mcp-session-id']);
  if (known !== undefined) return known.handleRequest(request, response);
  if (request.headers['mcp-session-id'] !== undefined) return response.writeHead(404).end();
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await build().connect(transport);
  return transport.handleRequest(request, response);
}

http.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: http.address().port })));
