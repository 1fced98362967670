import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import type { ApprovalView } from '../../src/tasks/approval.ts';
import { call } from '../support/call.ts';
import { controlOf } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestConfig, type TestSidecar } from '../support/sidecar.ts';

const careful = `
  @id("reads") permit (principal, action in Action::"read", resource);
  @id("careful") @approval permit (principal, action in Action::"write", resource);`;

async function start(more: Partial<TestConfig> = {}) {
  await using opened = new AsyncDisposableStack();
  const bodies: string[] = [];
  const origin = opened.use(
    await startOrigin((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        response.end('done');
      });
    }),
  );
  const exeat = opened.use(await startTestSidecar({ destinations: { api: loopback(origin) }, policy: careful, ...more }));
  const all = opened.move();
  return { origin, exeat, bodies, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function pendingOf(exeat: TestSidecar): Promise<ApprovalView> {
  const { body } = await controlOf(exeat, 'approver')('GET', '/v1/approvals');
  const pending = (body['approvals'] as ApprovalView[]).filter(({ state }) => state === 'pending');
  assert.equal(pending.length, 1);
  assert.ok(pending[0]);
  return pending[0];
}

test('a write waits for a yes, goes once with it, and says so in the audit', async () => {
  await using at = await start();
  const { origin, exeat, bodies } = at;
  const { authorization, id } = exeat.open();
  const write = (body: string) => call(`${origin.url}/orders?a=1`, { proxy: exeat.proxy, authorization, method: 'POST', body });
  const refused = await write('amount=5');
  assert.deepEqual([refused.status, refused.code, bodies], [403, 'approval_required', []]);
  const pending = await pendingOf(exeat);
  assert.match(refused.body, new RegExp(pending.id));
  assert.deepEqual(
    [pending.task, pending.operation, pending.rule, pending.shown],
    [id, 'api write /orders', 'careful', 'POST /orders?a=1 amount=5'],
  );
  const allowed = await controlOf(exeat, 'approver')('POST', `/v1/approvals/${pending.id}/allow`, {});
  assert.equal(allowed.body['state'], 'allowed');
  // Another amount is another question.
  assert.equal((await write('amount=500')).code, 'approval_required');
  const done = await write('amount=5');
  assert.deepEqual([done.status, done.body, bodies], [200, 'done', ['amount=5']]);
  assert.equal((await write('amount=5')).code, 'approval_required');
  const [event] = await exeat.events({ kind: 'call', status: 200 });
  assert.equal(event?.['approval'], pending.id);
  const [change] = await exeat.events({ kind: 'privilege.changed', change: 'approval' });
  assert.deepEqual([change?.['task'], change?.['digest']], [id, pending.digest]);
  assert.equal((await call(`${origin.url}/orders`, { proxy: exeat.proxy, authorization })).status, 200);
});

test('the same bytes under another content type are another question', async () => {
  await using at = await start();
  const { origin, exeat, bodies } = at;
  const { authorization } = exeat.open();
  const write = (...fields: string[]) =>
    call(`${origin.url}/orders`, { proxy: exeat.proxy, authorization, method: 'POST', fields, body: 'a=1' });
  await write('Content-Type: text/plain');
  const pending = await pendingOf(exeat);
  assert.equal(pending.shown, 'POST /orders content-type: text/plain a=1');
  await controlOf(exeat, 'approver')('POST', `/v1/approvals/${pending.id}/allow`, {});
  assert.equal((await write('Content-Type: application/x-www-form-urlencoded')).code, 'approval_required');
  assert.equal((await write('Content-Type: text/plain', 'Content-Encoding: gzip')).code, 'approval_required');
  assert.deepEqual(bodies, []);
  assert.equal((await write('Content-Type: text/plain')).status, 200);
});

test('an approver sees that there is more than is shown, and no control characters', async () => {
  await using at = await start();
  const { origin, exeat } = at;
  const body = `\u001b[2J\r${'x'.repeat(5000)}`;
  await call(`${origin.url}/orders`, { proxy: exeat.proxy, authorization: exeat.open().authorization, method: 'POST', body });
  const { shown } = await pendingOf(exeat);
  assert.match(shown, /^POST \/orders \(the first 4096 of 5005 bytes\) \\u\{1b\}\[2J\\u\{d\}xxx/);
});

test('an approved message of MCP goes with the arguments that were approved, whatever its method', async () => {
  await using opened = new AsyncDisposableStack();
  const origin = opened.use(await startOrigin());
  const policy = `@id("careful") @approval permit (principal, action == Action::"get_prompt", resource);`;
  const exeat = opened.use(await startTestSidecar({ destinations: { kb: loopback(origin, { protocol: 'mcp' }) }, policy }));
  const { authorization } = exeat.open();
  const fields = ['Content-Type: application/json', 'Accept: application/json, text/event-stream', 'MCP-Protocol-Version: 2025-11-25'];
  const prompt = (id: number, who: string) =>
    call(`${origin.url}/mcp`, {
      proxy: exeat.proxy,
      authorization,
      method: 'POST',
      fields,
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'prompts/get', params: { name: 'greet', arguments: { who } } }),
    });
  assert.match((await prompt(1, 'ann')).body, /approval_required|approval/);
  const pending = await pendingOf(exeat);
  assert.match(pending.shown, /"who":"ann"/);
  await controlOf(exeat, 'approver')('POST', `/v1/approvals/${pending.id}/allow`, {});
  await prompt(2, 'bob');
  assert.equal(origin.seen.length, 0);
  await prompt(3, 'ann');
  assert.equal(origin.seen.length, 1);
});

test('neither the agent nor the holder of a task sees or answers questions', async () => {
  await using at = await start();
  const { origin, exeat } = at;
  const { authorization, credential } = exeat.open();
  await call(origin.url, { proxy: exeat.proxy, authorization, method: 'POST', body: 'x' });
  const { id } = await pendingOf(exeat);
  for (const bearer of ['agent', 'orchestrator', { token: credential }] as const) {
    const ask = controlOf(exeat, bearer);
    for (const [method, path] of [
      ['GET', '/v1/approvals'],
      ['GET', `/v1/approvals/${id}`],
      ['POST', `/v1/approvals/${id}/allow`],
      ['POST', `/v1/approvals/${id}/deny`],
    ] as const) {
      const answer = await ask(method, path, method === 'POST' && path.endsWith('allow') ? {} : undefined);
      assert.deepEqual([answer.status, answer.body['code']], [403, 'forbidden'], `${JSON.stringify(bearer)} ${path}`);
    }
  }
});

test('a held call goes when it is allowed, and is refused when its task is revoked', async () => {
  await using at = await start({ approvals: { hold: '20s' } });
  const { origin, exeat, bodies } = at;
  const { authorization } = exeat.open();
  const held = call(origin.url, { proxy: exeat.proxy, authorization, method: 'POST', body: 'x' });
  await exeat.events({ kind: 'approval.requested' });
  await controlOf(exeat, 'operator')('POST', `/v1/approvals/${(await pendingOf(exeat)).id}/allow`, {});
  assert.equal((await held).status, 200);
  const other = exeat.open();
  const cut = call(origin.url, { proxy: exeat.proxy, authorization: other.authorization, method: 'POST', body: 'y' });
  await exeat.events({ kind: 'approval.requested' }, 2);
  await controlOf(exeat, 'operator')('POST', `/v1/tasks/${other.id}/revoke`);
  assert.equal((await cut).status, 403);
  assert.deepEqual(bodies, ['x']);
});

test('approvers are told by a signed message, without the arguments', async () => {
  const { promise: told, resolve } = Promise.withResolvers<{ headers: Record<string, unknown>; body: string }>();
  await using hook = await startOrigin((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      resolve({ headers: request.headers, body });
      response.end();
    });
  });
  process.env['EXEAT_TEST_HOOK'] = 'a secret of the hook';
  await using at = await start({ approvals: { webhook: { url: hook.url, secret: { env: 'EXEAT_TEST_HOOK' }, unsafe_cleartext: true } } });
  const { origin, exeat } = at;
  await call(origin.url, { proxy: exeat.proxy, authorization: exeat.open().authorization, method: 'POST', body: 'iban=DE12' });
  const { headers, body } = await told;
  const pending = await pendingOf(exeat);
  assert.equal(headers['webhook-id'], pending.id);
  const signed = `${pending.id}.${String(headers['webhook-timestamp'])}.${body}`;
  assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', 'a secret of the hook').update(signed).digest('base64')}`);
  const { type, data } = JSON.parse(body) as { type: string; data: ApprovalView };
  assert.deepEqual([type, data.id, data.operation, data.digest], ['approval.requested', pending.id, 'api write /', pending.digest]);
  assert.doesNotMatch(body, /DE12/);
});

test('where a destination is observed, what would need approval goes and is marked', async () => {
  await using at = await start();
  const { origin, exeat } = at;
  exeat.rewrite({ destinations: { api: loopback(origin, { observe: { until: '2099-01-01' } }) } });
  await exeat.sidecar.reload('test');
  const { authorization } = exeat.open();
  assert.equal((await call(origin.url, { proxy: exeat.proxy, authorization, method: 'POST', body: 'x' })).status, 200);
  const [event] = await exeat.events({ kind: 'call', status: 200 });
  assert.equal(event?.['decision'], 'would_deny');
});
