import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { eventsOf, toolNamed } from '../support/mcp-server.ts';
import { modern, modernCall, parsed, startMcpBench } from '../support/mcp.ts';

const tools = { tools: [toolNamed('search'), toolNamed('delete')] };

test('a list is one whatever success its status tells', async () => {
  await using at = await startMcpBench(() => ({
    raw: (response: ServerResponse) =>
      response.writeHead(203, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: tools })),
  }));
  assert.doesNotMatch((await at.post({ method: 'tools/list' })).body, /delete/);
});

test('a list that is resumed on the stream of the session holds no more than it would have', async () => {
  await using at = await startMcpBench((method) => (method === 'GET' ? { events: [{ id: 1, result: tools }] } : {}));
  await at.post({ method: 'initialize' });
  const resumed = await at.send('GET', '/mcp', ['Mcp-Session-Id: session-1', 'Last-Event-ID: 1', 'Accept: text/event-stream']);
  assert.match(resumed.body, /search/);
  assert.doesNotMatch(resumed.body, /delete/);
});

test('an event that is no list ends the answer at once, also where the server keeps the stream open', async () => {
  await using at = await startMcpBench(() => ({
    raw: (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(eventsOf([{ id: 1, result: 'none' }]));
    },
  }));
  assert.equal((await at.post({ method: 'tools/list' })).code, 'upstream_malformed');
  assert.equal((await at.post({ method: 'tools/list' })).code, 'upstream_malformed');
});

test('an error that a server answers to a list passes, whatever its body is', async () => {
  for (const body of ['', '<html>"tools"', '["tools"]', '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no \\u0074ools"}}']) {
    await using at = await startMcpBench(() => ({
      raw: (response: ServerResponse) => response.writeHead(500, { 'content-type': 'application/json' }).end(body),
    }));
    const answer = await at.post({ method: 'tools/list' });
    assert.deepEqual([answer.status, answer.code], [500, undefined]);
    assert.ok(answer.body.includes(body));
  }
});

test('what a server of 2025-03-26 says in a batch is read one by one, and no list hides in it', async () => {
  let batch: object[] = [{ id: 'q', method: 'elicitation/create', params: {} }];
  await using at = await startMcpBench(() => ({
    raw: (response: ServerResponse) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${JSON.stringify(batch)}\n\n`),
  }));
  await at.post({ method: 'tools/call', params: { name: 'search' } });
  assert.equal((await at.post('{"jsonrpc":"2.0","id":"q","result":{}}')).status, 202);
  batch = [{ jsonrpc: '2.0', id: 2, result: tools }];
  assert.doesNotMatch((await at.post({ method: 'tools/call', params: { name: 'search' } })).body, /delete/);
});

test('the session of another task is no way in, whichever era is spoken', async () => {
  await using at = await startMcpBench(() => ({ content: [] }));
  const [message, fields] = modernCall('tools/call', { name: 'search' }, 'search');
  assert.equal((await at.post(message, [...fields, 'Mcp-Session-Id: guessed'])).code, 'session_unknown');
});

test('what the server asks while it lists can be answered', async () => {
  const ask = { id: 'q', method: 'elicitation/create', params: {} };
  await using at = await startMcpBench(() => ({ events: [ask, { id: 1, result: tools }] }));
  await at.post({ method: 'tools/list' });
  assert.equal((await at.post('{"jsonrpc":"2.0","id":"q","result":{}}')).status, 202);
});

test('a ping of the server is answered by whoever may talk to it', async () => {
  await using at = await startMcpBench(
    () => ({
      events: [
        { id: 'p', method: 'ping' },
        { id: 1, result: {} },
      ],
    }),
    {
      policy: 'permit (principal, action == Action::"initialize", resource);',
    },
  );
  await at.post({ method: 'initialize' });
  const answered = await at.post('{"jsonrpc":"2.0","id":"p","result":{}}', ['Mcp-Session-Id: session-1']);
  assert.equal(answered.status, 202);
});

test('a call whose server gave it a state, and asked nothing, goes on with that', async () => {
  await using at = await startMcpBench(() => ({ resultType: 'input_required', requestState: 'step 1' }));
  await at.post(...again('search', {}));
  assert.doesNotMatch((await at.post(...again('search', { requestState: 'step 1' }))).body, /answer_unknown/);
  assert.match((await at.post(...again('search', { requestState: 'step 2' }))).body, /answer_unknown/);
});

test('input goes only with the methods that can ask for it', async () => {
  await using at = await startMcpBench(() => ({}));
  for (const more of [{ inputResponses: { k: {} } }, { requestState: 'x' }])
    assert.equal((await at.post(...modernCall('tools/list', more))).code, 'message_unreadable');
  assert.deepEqual(at.server.messages, []);
});

test('a state is of its task and its call: that others were given the same one changes nothing', async () => {
  await using at = await startMcpBench((_, { name }) => waitingFor(name === 'search' ? 'k' : 'other', { requestState: 'step 1' }), {
    policy: 'permit (principal, action, resource);',
  });
  const other = at.exeat.open();
  await at.post(...modernCall('tools/call', { name: 'search' }, 'search'));
  await at.post(...modernCall('tools/call', { name: 'delete' }, 'delete'), other.authorization);
  await at.post(...modernCall('tools/call', { name: 'delete' }, 'delete'));
  assert.doesNotMatch((await at.post(...again('search', { inputResponses: { k: {} }, requestState: 'step 1' }))).body, /answer_unknown/);
  assert.match((await at.post(...again('delete', { inputResponses: { k: {} }, requestState: 'step 1' }))).body, /answer_unknown/);
  assert.match(
    (await at.post(...again('search', { inputResponses: { k: {} }, requestState: 'step 1' }), other.authorization)).body,
    /answer_unknown/,
  );
});

test('a task of the server is asked about, and given input, by the task that began it', async () => {
  const working = { resultType: 'task', taskId: 't1', status: 'working' };
  const waiting = waitingFor('k', { ...working, status: 'input_required' });
  await using at = await startMcpBench((method) => (method === 'tools/call' ? working : method === 'tasks/get' ? waiting : {}));
  const get = modernCall('tasks/get', { taskId: 't1' }, 't1');
  assert.match((await at.post(...get)).body, /answer_unknown/);
  await at.post(...modernCall('tools/call', { name: 'search' }, 'search'));
  assert.match((await at.post(...update('k'))).body, /answer_unknown/);
  assert.equal(parsed(await at.post(...get)).error, undefined);
  assert.equal(parsed(await at.post(...update('k'))).error, undefined);
  assert.match((await at.post(...update('other'))).body, /answer_unknown/);
  assert.match((await at.post(...update('k'), at.exeat.open().authorization)).body, /answer_unknown/);
  const [message] = update('k');
  assert.equal((await at.post(message, [`MCP-Protocol-Version: ${modern}`, 'Mcp-Method: tasks/update', 'Mcp-Name: t2'])).status, 400);
});

test('a subscription is to what the task may read, and to tasks of its own', async () => {
  await using at = await startMcpBench(() => ({}));
  const listen = async (notifications: object, more: object = {}) =>
    (await at.post(...modernCall('subscriptions/listen', { notifications, ...more }))).body;
  assert.match(await listen({ toolsListChanged: true, resourceSubscriptions: ['doc://a'] }), /"result"/);
  assert.match(await listen({ resourceSubscriptions: ['doc://a', 'file:///a'] }), /policy_denied/);
  assert.match(await listen({ taskIds: ['foreign'] }), /answer_unknown/);
  assert.match(await listen({ filesChanged: ['file:///a'] }), /message_unreadable/);
  assert.match(await listen({}, { resourceSubscriptions: ['file:///a'] }), /message_unreadable/);
});

test('notifications of the modern era mirror what they want to, truly', async () => {
  await using at = await startMcpBench(() => ({}));
  const cancelled = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}';
  assert.equal((await at.post(cancelled, [`MCP-Protocol-Version: ${modern}`])).status, 202);
  const mirrored = [`MCP-Protocol-Version: ${modern}`, 'Mcp-Method: tools/call'];
  assert.equal((await at.post(cancelled, mirrored)).code, 'headers_disagree');
});

test('mirrored fields that say something else are refused in the sessions era too', async () => {
  await using at = await startMcpBench(() => ({}));
  const search = { method: 'tools/call', params: { name: 'search' } };
  for (const field of ['Mcp-Method: tools/list', 'Mcp-Name: delete', 'Mcp-Param-Region: eu'])
    assert.equal((await at.post(search, [field])).code, 'headers_disagree', field);
  assert.deepEqual(at.server.messages, []);
});

test('a stream is asked for, and a session ended, without a body', async () => {
  await using at = await startMcpBench(() => ({ events: [] }));
  await at.post({ method: 'initialize' });
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete"}}';
  for (const method of ['GET', 'DELETE']) {
    const fields = ['Mcp-Session-Id: session-1', 'Content-Type: application/json'];
    assert.equal((await at.send(method, '/mcp', fields, body)).status, 413);
  }
  assert.equal((await at.send('GET', '/mcp', ['Mcp-Session-Id: session-1'])).status, 200);
});

test('a body is read in UTF-8 and in nothing else', async () => {
  await using at = await startMcpBench(() => ({}));
  const post = (type: string) => at.send('POST', '/mcp', [`Content-Type: ${type}`], '{"jsonrpc":"2.0","id":1,"method":"ping"}');
  for (const type of ['application/json; charset=utf-8', 'application/json;charset="UTF-8"']) assert.equal((await post(type)).status, 200);
  for (const type of ['application/json; charset=utf-16', 'application/json; charset=utf-8; charset=utf-7', 'application/json-rpc'])
    assert.equal((await post(type)).code, 'message_unreadable', type);
});

test('resources that differ in case are two, and tools that look the same are one', async () => {
  await using at = await startMcpBench(
    (method) =>
      method === 'tools/list'
        ? { tools: ['search', 'se\u0430rch', 'sea\u200brch', 'find'].map((name) => toolNamed(name)) }
        : { resources: ['doc://A', 'doc://a', 'doc://a'].map((uri) => ({ uri })) },
    { policy: 'permit (principal, action, resource);' },
  );
  const listed = async (method: string, member: string) => parsed(await at.post({ method })).result?.[member] as object[] | undefined;
  assert.deepEqual(await listed('resources/list', 'resources'), [{ uri: 'doc://A' }, { uri: 'doc://a' }]);
  assert.deepEqual(await listed('tools/list', 'tools'), [toolNamed('search'), toolNamed('find')]);
  assert.equal((await at.exeat.events({ kind: 'tool.changed' }, 2)).length, 2);
});

test('no message asks policy more than it can answer at once', async () => {
  await using at = await startMcpBench(() => ({}), { policy: 'permit (principal, action, resource);' });
  const listen = async (many: number) => {
    const uris = Array.from({ length: many }, (_, i) => `doc://${i}`);
    return (await at.post(...modernCall('subscriptions/listen', { notifications: { resourceSubscriptions: uris } }))).body;
  };
  assert.match(await listen(200), /"result"/);
  assert.match(await listen(201), /message_unreadable/);
});

test('a server that changes everything all the time does not fill the audit log', async () => {
  let version = 0;
  await using at = await startMcpBench(() => {
    version += 1;
    const description = `version ${version}`;
    return { tools: Array.from({ length: 50 }, (_, i) => toolNamed(`tool${i}`, { description })) };
  });
  await at.post({ method: 'tools/list' });
  await at.post({ method: 'tools/list' });
  await at.exeat.events({ kind: 'call' }, 2);
  const told = await at.exeat.events({ kind: 'tool.changed' }, 11);
  assert.equal(told.length, 11);
  assert.match(String(told.at(-1)?.['what']), /40 more/);
});

test('a list is no longer than Exeat can look through', async () => {
  let many = 20_001;
  await using at = await startMcpBench(() => ({ tools: Array.from({ length: many }, (_, i) => ({ name: `tool${i}` })) }), {
    policy: 'permit (principal, action == Action::"list_tools", resource);',
  });
  assert.equal((await at.post({ method: 'tools/list' })).code, 'upstream_malformed');
  many = 20_000;
  assert.equal((await at.post({ method: 'tools/list' })).status, 200);
});

test('an answer of two types is of none', async () => {
  await using at = await startMcpBench(() => ({
    raw: (response: ServerResponse) =>
      response
        .writeHead(200, ['Content-Type', 'application/json', 'Content-Type', 'text/event-stream'])
        .end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: tools })),
  }));
  assert.equal((await at.post({ method: 'tools/list' })).code, 'upstream_malformed');
});

/** What a server answers that waits for the answer to one question. */
function waitingFor(key: string, more: object): object {
  return { ...more, inputRequests: { [key]: { method: 'elicitation/create' } } };
}

function again(name: string, more: object): ReturnType<typeof modernCall> {
  return modernCall('tools/call', { name, ...more }, name);
}

function update(key: string): ReturnType<typeof modernCall> {
  return modernCall('tasks/update', { taskId: 't1', inputResponses: { [key]: {} } }, 't1');
}
