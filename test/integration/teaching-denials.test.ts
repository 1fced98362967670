import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestConfig } from '../support/sidecar.ts';

async function deniedWith(
  policy: string,
  more: { readonly destination?: object; readonly open?: object; readonly config?: Partial<TestConfig> } = {},
): Promise<string> {
  await using origin = await startOrigin();
  const api = loopback(origin, { operations: ['/tickets', '/tickets/{id}', '/tickets/{id}/api_keys'], ...more.destination });
  await using exeat = await startTestSidecar({ destinations: { api }, policy, ...more.config });
  const { authorization } = exeat.open('work', more.open);
  const answer = await call(`${origin.url}/tickets/7`, { proxy: exeat.proxy, authorization, method: 'DELETE' });
  assert.deepEqual([answer.status, answer.code, origin.seen.length], [403, 'policy_denied', 0]);
  return (JSON.parse(answer.body) as { detail: string }).detail;
}

test('a denial names the rule, what is allowed here, and whom to ask', async () => {
  const detail = await deniedWith(`
    @id("look") permit (principal, action in Action::"read", resource);
    @id("never delete") forbid (principal, action == Action::"DELETE", resource) when { context.task.attested };`);
  assert.match(detail, /^Policy forbids this operation in this task \(rule "never delete"\)\./);
  assert.match(detail, /Allowed here: GET \/tickets, GET \/tickets\/\{id\}/);
  assert.match(detail, /ask whoever opened the task/);
});

test('where nothing permits it that is said', async () => {
  const detail = await deniedWith('@id("post") permit (principal, action == Action::"POST", resource);');
  assert.match(detail, /^No policy permits this operation in this task\. Allowed here: POST \/tickets, POST \/tickets\/\{id\}\. For more/);
});

test('what creates standing access is not told as allowed by a policy over writes', async () => {
  const detail = await deniedWith(
    '@id("write") permit (principal, action in Action::"write", resource) unless { action == Action::"DELETE" };',
  );
  assert.doesNotMatch(detail, /api_keys/);
});

test('a call outside of the plan is told so', async () => {
  const detail = await deniedWith('@id("planned") permit (principal, action, resource) when { context.task.planned };', {
    open: { plan: ['api read /tickets'] },
  });
  assert.match(detail, /It is not in the plan of the task\./);
});

test('nothing of what policies say is told, and nothing but plain text', async () => {
  const detail = await deniedWith(
    '@id("schließen\\n") forbid (principal, action, resource) when { context.task.id != "the secret reason" };',
  );
  assert.doesNotMatch(detail, /secret reason/);
  assert.match(detail, /^[\x20-\x7e]*$/);
});
