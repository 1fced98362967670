import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';

const policy = `
  @id("ask") permit (principal, action == Action::"send_message", resource) unless { context.a2a.streaming };
  @id("look") permit (principal, action in [Action::"get_task", Action::"get_agent_card"], resource);
  @id("notify") permit (principal, action == Action::"set_push_notification", resource) when { context.a2a.notifies.contains("hooks") };`;

async function start() {
  await using opened = new AsyncDisposableStack();
  const origin = opened.use(await startOrigin());
  const hooks = opened.use(await startOrigin());
  const exeat = opened.use(
    await startTestSidecar({ destinations: { helper: loopback(origin, { protocol: 'a2a' }), hooks: loopback(hooks) }, policy }),
  );
  const { authorization } = exeat.open();
  const all = opened.move();
  const to = (method: string, path: string, body?: object | string) =>
    call(`${origin.url}${path}`, {
      proxy: exeat.proxy,
      authorization,
      method,
      fields: ['Content-Type: application/json', 'A2A-Version: 1.0'],
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return {
    origin,
    hooks,
    exeat,
    to,
    rpc: (method: string, params: object = {}) => to('POST', '/', { jsonrpc: '2.0', id: 1, method, params }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

test('both vocabularies and both bindings are one operation each', async () => {
  await using at = await start();
  for (const method of ['SendMessage', 'message/send']) assert.equal((await at.rpc(method)).status, 200, method);
  for (const path of ['/message:send', '/v1/message:send']) assert.equal((await at.to('POST', path, {})).status, 200, path);
  for (const path of ['/tasks', '/tasks/t1', '/v1/tasks/t1', '/extendedAgentCard', '/.well-known/agent-card.json']) {
    assert.equal((await at.to('GET', path)).status, 200, path);
  }
  const events = await at.exeat.events({ kind: 'call', operation: 'helper send_message SendMessage' }, 4);
  assert.equal(events.length, 4);
});

test('a denied request is an error of its binding, with its words', async () => {
  await using at = await start();
  for (const method of ['SendStreamingMessage', 'message/stream', 'tasks/cancel']) {
    const answer = await at.rpc(method);
    const { error } = JSON.parse(answer.body) as { error: { code: number; message: string } };
    assert.deepEqual([answer.status, error.code], [403, 40301], method);
    assert.match(error.message, /policy_denied/);
  }
  assert.match((await at.to('POST', '/tasks/t1:cancel')).body, /policy_denied/);
  assert.equal(at.origin.seen.length, 0);
});

test('what is no message of the protocol goes nowhere', async () => {
  await using at = await start();
  for (const body of [
    '[]',
    '{"jsonrpc":"2.0","id":1,"method":"SendMessage","method":"CancelTask"}',
    '{"id":1,"method":"SendMessage"}',
    '',
  ]) {
    assert.match((await at.to('POST', '/', body)).body, /message_unreadable/, body);
  }
  assert.match((await at.rpc('sendMessage')).body, /protocol_refused/);
  for (const [method, path] of [
    ['GET', '/'],
    ['POST', '/tasks'],
    ['PUT', '/tasks/t1'],
    ['GET', '/admin'],
    ['POST', '/message:send/more'],
  ] as const) {
    assert.match((await at.to(method, path, method === 'GET' ? undefined : {})).body, /protocol_refused/, `${method} ${path}`);
  }
  assert.equal(at.origin.seen.length, 0);
});

test('notifications go to destinations of the intent alone, and count as what they are', async () => {
  await using at = await start();
  assert.match((await at.rpc('SendMessage', withHook('https://elsewhere.example/?leak'))).body, /destination_unknown/);
  assert.match((await at.rpc('SendMessage', withHook(['https://elsewhere.example']))).body, /destination_unknown/);
  assert.match((await at.rpc('SendMessage', withHook(`${at.origin.url}/x`))).body, /policy_denied/);
  assert.equal((await at.rpc('SendMessage', withHook(`${at.hooks.url}/x`))).status, 200);
  const set = { taskId: 't1', pushNotificationConfig: { url: 'http://169.254.169.254/' } };
  assert.match((await at.rpc('tasks/pushNotificationConfig/set', set)).body, /destination_unknown/);
  // Some servers read names in any case.
  for (const name of ['PUSHNOTIFICATIONCONFIG', 'task_push_notification_config']) {
    const params = { message: { parts: [] }, configuration: { [name]: { URL: 'https://elsewhere.example' } } };
    assert.match((await at.rpc('message/send', params)).body, /destination_unknown/, name);
  }
  assert.match(
    (await at.to('POST', '/tasks/t1/pushNotificationConfigs', { url: 'https://elsewhere.example' })).body,
    /destination_unknown/,
  );
  assert.equal((await at.to('POST', '/tasks/t1/pushNotificationConfigs', { url: `${at.hooks.url}/x` })).status, 200);
  assert.equal(at.origin.seen.length, 2);
});

function withHook(url: unknown): object {
  return { message: { parts: [{ text: 'https://elsewhere.example' }] }, configuration: { pushNotificationConfig: { url } } };
}
