// A server of 2026-07-28 with its tasks extension, and all that the official conformance suite asks of one: prints its port.
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import {
  answers,
  completion,
  contentsOf,
  listedPrompts,
  listedResources,
  none,
  prompts,
  resourceTemplates,
  text,
} from './conformance-content.mjs';

const version = '2026-07-28';
const versionKey = 'io.modelcontextprotocol/protocolVersion';
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities';
const tasksKey = 'io.modelcontextprotocol/tasks';
const info = { name: 'modern-conformance', version: '1.0.0' };

class RpcError extends Error {
  constructor(code, message, { status = 200, data } = {}) {
    super(message);
    Object.assign(this, { code, status, data });
  }
}

const elicit = (message, properties) => ({
  method: 'elicitation/create',
  params: { mode: 'form', message, requestedSchema: { type: 'object', properties, required: Object.keys(properties) } },
});
const askName = elicit('What is your name?', { name: { type: 'string' } });
const sample = (words) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: text(words) }], maxTokens: 100 },
});
const roots = { method: 'roots/list', params: {} };
const key = randomBytes(32);
const signed = (words) => `${words}.${createHmac('sha256', key).update(words).digest('base64url')}`;
const wait = (inputRequests, state) => ({
  resultType: 'input_required',
  inputRequests,
  ...(state === undefined ? {} : { requestState: signed(state) }),
});
const done = (words) => ({ content: [text(words)] });

/** Asks once, and goes on with what it was answered. */
const asking = (inputRequests, state, then = () => done('answered')) => [
  none,
  (_given, { inputs, state: given }) => {
    const missing = Object.keys(inputRequests).some((name) => inputs[name] === undefined);
    return missing || given !== state ? wait(inputRequests, state) : then(inputs);
  },
];
const nameIn = (answer) => answer?.content?.name ?? '';

const tools = {
  ...Object.fromEntries(
    Object.entries(answers).map(([name, [schema, run]]) => [name, [schema, async (...all) => ({ content: await run(...all) })]]),
  ),
  test_input_required_result_elicitation: asking({ user_name: askName }, undefined, ({ user_name: answer }) =>
    done(`Hello, ${nameIn(answer)}!`),
  ),
  test_input_required_result_sampling: asking({ capital_question: sample('What is the capital of France?') }),
  test_input_required_result_list_roots: asking({ client_roots: roots }),
  test_input_required_result_request_state: asking({ confirm: elicit('Please confirm', { ok: { type: 'boolean' } }) }, 'confirm', () =>
    done('state-ok'),
  ),
  test_input_required_result_tampered_state: asking({ confirm: elicit('Please confirm', { ok: { type: 'boolean' } }) }, 'tampered'),
  test_input_required_result_multiple_inputs: asking(
    { user_name: askName, greeting: sample('Generate a greeting'), client_roots: roots },
    'multiple',
  ),
  test_input_required_result_multi_round: [
    none,
    (_given, { inputs, state }) => {
      if (state === 'round 2' && inputs.step2 !== undefined) return done('both rounds');
      if (state === 'round 1' && inputs.step1 !== undefined)
        return wait({ step2: elicit('Your favorite color?', { color: { type: 'string' } }) }, 'round 2');
      return wait({ step1: askName }, 'round 1');
    },
  ],
  test_input_required_result_capabilities: [
    none,
    (_given, { inputs, capabilities }) => {
      const asked = {
        ...(capabilities.sampling && { words: sample('Say something') }),
        ...(capabilities.elicitation && { name: askName }),
      };
      return Object.keys(asked).every((name) => inputs[name] !== undefined) ? done('answered') : wait(asked);
    },
  ],
  test_missing_capability: [
    none,
    (_given, { capabilities }) => {
      if (capabilities.sampling === undefined) throw missing({ sampling: {} });
      return done('sampled');
    },
  ],
  test_custom_headers: [
    { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } }, required: ['region'] },
    ({ region }) => done(`region ${region}`),
  ],
  greet: [{ type: 'object', properties: { name: { type: 'string' } } }, ({ name }) => done(`Hello, ${name}!`)],
  slow_compute: [
    { type: 'object', properties: { seconds: { type: 'number' }, label: { type: 'string' } } },
    async ({ seconds = 0 }, { signal }) => {
      await pause(Math.min(seconds, 60) * 1000, undefined, { signal, ref: false });
      return done('computed');
    },
    'optional',
  ],
  failing_job: [none, () => ({ ...done('failed as it should'), isError: true }), 'required'],
  protocol_error_job: [
    none,
    () => {
      throw new RpcError(-32603, 'the job broke');
    },
    'optional',
  ],
  confirm_delete: [
    { type: 'object', properties: { filename: { type: 'string' } } },
    async (_given, { ask }) => done(JSON.stringify(await ask({ confirm: elicit('Delete?', { confirm: { type: 'boolean' } }) }))),
    'optional',
  ],
  multi_input: [none, async (_given, { ask }) => done(JSON.stringify(await ask({ one: askName, two: askName }))), 'optional'],
  test_tool_with_task: [
    none,
    (_given, { inputs }) => (inputs.user_name === undefined ? wait({ user_name: askName }) : done(`Hello, ${nameIn(inputs.user_name)}!`)),
    'required',
  ],
};
const definitions = Object.entries(tools).map(([name, [inputSchema, , taskSupport]]) => ({
  name,
  description: `The tool ${name}`,
  inputSchema,
  ...(taskSupport && { execution: { taskSupport } }),
}));

function missing(requiredCapabilities) {
  return new RpcError(-32021, 'a capability is missing', { status: 400, data: { requiredCapabilities } });
}

const tasks = new Map();

/** Runs a tool as a task: its state is told by tasks/get. */
function begin(run) {
  const now = new Date().toISOString();
  const abort = new AbortController();
  const task = { taskId: randomUUID(), status: 'working', createdAt: now, lastUpdatedAt: now, ttlMs: 600_000, pollIntervalMs: 50 };
  const held = { task, abort, pending: {}, answers: {}, answered: undefined };
  const ask = (requests) =>
    new Promise((resolve) => {
      Object.assign(held, { pending: requests, answered: resolve });
      become({ status: 'input_required' });
    });
  const become = (more) => {
    if (!['completed', 'failed', 'cancelled'].includes(held.task.status))
      held.task = { ...held.task, ...more, lastUpdatedAt: new Date().toISOString() };
  };
  Object.assign(held, { become });
  tasks.set(task.taskId, held);
  void Promise.resolve()
    .then(() => run({ ask, signal: abort.signal }))
    .then(
      (result) => become({ status: 'completed', result }),
      (error) => become({ status: 'failed', error: { code: error.code ?? -32603, message: error.message } }),
    );
  return { ...task, resultType: 'task' };
}

function taskOf({ taskId }, { capabilities }) {
  if (capabilities.extensions?.[tasksKey] === undefined) throw missing({ extensions: { [tasksKey]: {} } });
  const held = tasks.get(taskId);
  if (held === undefined) throw new RpcError(-32602, 'no such task');
  return held;
}

async function callTool({ name, arguments: given = {} }, context) {
  const [, run, taskSupport] = tools[name] ?? [];
  if (run === undefined) throw new RpcError(-32602, `no tool ${name}`);
  const asTask = taskSupport !== undefined && context.capabilities.extensions?.[tasksKey] !== undefined;
  if (taskSupport === 'required' && !asTask) throw missing({ extensions: { [tasksKey]: {} } });
  const direct = { ...context, ask: () => ({}), signal: undefined };
  if (asTask && given.seconds !== 0) {
    const first = name === 'test_tool_with_task' ? run(given, direct) : {};
    return first.inputRequests ? first : begin((more) => run(given, { ...context, ...more }));
  }
  try {
    return await run(given, direct);
  } catch (error) {
    if (error instanceof RpcError) throw error;
    return { isError: true, content: [text(error.message)] };
  }
}

const cached = (result) => ({ ...result, ttlMs: 60_000, cacheScope: 'public' });
const methods = {
  'server/discover': () =>
    cached({
      supportedVersions: [version],
      capabilities: { tools: {}, resources: {}, prompts: {}, completions: {}, extensions: { [tasksKey]: {} } },
      serverInfo: info,
      _meta: { 'io.modelcontextprotocol/serverInfo': info },
    }),
  'tools/list': () => cached({ tools: definitions }),
  'tools/call': callTool,
  'resources/list': () => cached({ resources: listedResources }),
  'resources/templates/list': () => cached({ resourceTemplates }),
  'resources/read': ({ uri }) => {
    const contents = contentsOf(uri);
    if (contents === undefined) throw new RpcError(-32602, 'no such resource', { data: { uri } });
    return cached({ contents });
  },
  'prompts/list': () =>
    cached({ prompts: [...listedPrompts, { name: 'test_input_required_result_prompt', description: 'Asks first', arguments: [] }] }),
  'prompts/get': ({ name, arguments: given = {} }, { inputs }) => {
    const context = { user_context: elicit('What context should the prompt use?', { context: { type: 'string' } }) };
    if (name === 'test_input_required_result_prompt')
      return inputs.user_context === undefined ? wait(context) : { messages: [{ role: 'user', content: text('with context') }] };
    if (prompts[name] === undefined) throw new RpcError(-32602, `no prompt ${name}`);
    return prompts[name][1](given);
  },
  'completion/complete': () => ({ completion }),
  'tasks/get': (params, context) => {
    const { task, pending } = taskOf(params, context);
    return { ...task, ...(task.status === 'input_required' && { inputRequests: pending }) };
  },
  'tasks/update': (params, context) => {
    const held = taskOf(params, context);
    for (const [name, answer] of Object.entries(params.inputResponses ?? {})) {
      if (held.pending[name] === undefined) continue;
      held.answers[name] = answer;
      const { [name]: _answered, ...rest } = held.pending;
      held.pending = rest;
    }
    if (held.task.status === 'input_required' && Object.keys(held.pending).length === 0) {
      held.become({ status: 'working' });
      held.answered?.(held.answers);
    }
    return {};
  },
  'tasks/cancel': (params, context) => {
    const { abort, become } = taskOf(params, context);
    become({ status: 'cancelled' });
    abort.abort();
    return {};
  },
};

const mirrored = (field) => {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(field)?.[1];
  if (encoded === undefined) return field;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) throw new RpcError(-32020, 'a field is badly encoded', { status: 400 });
  return bytes.toString();
};

function check(headers, { method, params }) {
  const meta = params?.['_meta'];
  const said = meta?.[versionKey];
  if (typeof said !== 'string' || typeof meta[capabilitiesKey] !== 'object') throw new RpcError(-32602, 'no metadata', { status: 400 });
  const disagree = (name) => new RpcError(-32020, `${name} says something else`, { status: 400 });
  if (headers['mcp-protocol-version'] !== said) throw disagree('MCP-Protocol-Version');
  if (said !== version) throw new RpcError(-32022, 'no such version', { status: 400, data: { supported: [version], requested: said } });
  if (headers['mcp-method'] !== method) throw disagree('Mcp-Method');
  const name = {
    'tools/call': 'name',
    'prompts/get': 'name',
    'resources/read': 'uri',
    'tasks/get': 'taskId',
    'tasks/update': 'taskId',
    'tasks/cancel': 'taskId',
  }[method];
  if (name !== undefined && mirrored(headers['mcp-name']) !== params[name]) throw disagree('Mcp-Name');
  if (method === 'tools/call' && params.name === 'test_custom_headers') {
    const { region } = params.arguments ?? {};
    const field = headers['mcp-param-region'];
    if ((field === undefined ? undefined : mirrored(field)) !== (region ?? undefined)) throw disagree('Mcp-Param-Region');
  }
  if (!Object.hasOwn(methods, method) && method !== 'subscriptions/listen') throw new RpcError(-32601, 'no such method', { status: 404 });
  return meta;
}

function stateIn({ requestState: given }) {
  if (given === undefined) return undefined;
  const words = given.slice(0, given.lastIndexOf('.'));
  if (signed(words) !== given) throw new RpcError(-32602, 'the state was tampered with');
  return words;
}

function isLocal(url) {
  const { hostname } = new URL(url);
  return ['127.0.0.1', 'localhost', '[::1]'].includes(hostname) || hostname.endsWith('.example');
}

async function serve(request, response) {
  const send = (status, message) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', ...message }));
  };
  if (request.method !== 'POST') return response.writeHead(405, { allow: 'POST' }).end();
  const { host = '', origin = `http://${host}` } = request.headers;
  if (!isLocal(`http://${host}`) || !isLocal(origin)) return response.writeHead(403).end();
  const message = JSON.parse(Buffer.concat(await request.toArray()).toString());
  const { id, method, params } = message;
  if (id === undefined) return response.writeHead(202).end();
  try {
    const meta = check(request.headers, message);
    if (method === 'subscriptions/listen') return listen(request, response, message);
    const events = [];
    const token = meta.progressToken;
    const progress = (at) =>
      token !== undefined && events.push({ method: 'notifications/progress', params: { progressToken: token, progress: at, total: 100 } });
    const context = { inputs: params.inputResponses ?? {}, state: stateIn(params), capabilities: meta[capabilitiesKey], progress };
    const result = { resultType: 'complete', ...(await methods[method](params, context)) };
    if (events.length === 0) return send(200, { id, result });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of [...events, { id, result }]) response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...event })}\n\n`);
    return response.end();
  } catch (error) {
    const { code = -32603, status = 500, data } = error;
    return send(status, { id, error: { code, message: error.message, ...(data && { data }) } });
  }
}

function listen(request, response, { id, params }) {
  const event = (method, more) => {
    const told = { jsonrpc: '2.0', method, params: { ...more, _meta: { 'io.modelcontextprotocol/subscriptionId': id } } };
    return response.write(`data: ${JSON.stringify(told)}\n\n`);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  event('notifications/subscriptions/acknowledged', { notifications: params.notifications ?? {} });
  request.on('close', () => response.end());
}

const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
