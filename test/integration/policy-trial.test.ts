import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { controlOf } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestSidecar } from '../support/sidecar.ts';

async function start(policy: string) {
  await using opened = new AsyncDisposableStack();
  const origin = opened.use(await startOrigin());
  const exeat = opened.use(await startTestSidecar({ destinations: { api: loopback(origin) }, policy }));
  const { authorization } = exeat.open();
  const all = opened.move();
  return {
    exeat,
    origin,
    ask: async (method: string, path = '/') => (await call(`${origin.url}${path}`, { proxy: exeat.proxy, authorization, method })).status,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function lastCall(exeat: TestSidecar, count: number): Promise<Record<string, unknown>> {
  return (await exeat.events({ kind: 'call' }, count)).at(-1) ?? {};
}

test('a forbid that is tried out forbids nothing, and what it would have forbidden is marked', async () => {
  await using at = await start(
    '@id("all") permit (principal, action, resource); @id("new") @observe("2099-01-01") forbid (principal, action == Action::"DELETE", resource);',
  );
  assert.equal(await at.ask('DELETE'), 200);
  const event = await lastCall(at.exeat, 1);
  assert.deepEqual(
    [event['decision'], event['policies'], event['trial']],
    ['would_deny', ['all'], { decision: 'deny', policies: ['new'] }],
  );
  assert.equal(await at.ask('GET'), 200);
  assert.deepEqual([(await lastCall(at.exeat, 2))['decision'], (await lastCall(at.exeat, 2))['trial']], ['allow', undefined]);
  const told = await at.exeat.events({ kind: 'privilege.changed', change: 'observe' });
  assert.match(String(told[0]?.['detail']), /policy "new": until 2099-01-02/);
});

test('explain says the same, and which policy is tried out', async () => {
  await using at = await start(
    '@id("all") permit (principal, action, resource); @id("new") @observe("2099-01-01") forbid (principal, action in Action::"write", resource);',
  );
  const { id } = at.exeat.open();
  const ask = async (url: string, method: string) =>
    (await controlOf(at.exeat, 'operator')('POST', '/v1/explain', { task: id, method, url })).body;
  const [write, read, mint] = [
    await ask(`${at.origin.url}/`, 'DELETE'),
    await ask(`${at.origin.url}/`, 'GET'),
    await ask(`${at.origin.url}/x/api_keys`, 'POST'),
  ];
  assert.deepEqual([write['decision'], write['trial']], ['would_deny', { decision: 'deny', policies: ['new'] }]);
  assert.deepEqual([read['decision'], read['trial']], ['allow', undefined]);
  assert.equal(mint['decision'], 'deny');
});

test('what is tried out is counted, by what it would have decided', async () => {
  await using at = await start(
    '@id("read") permit (principal, action in Action::"read", resource); @id("more") @observe("2099-01-01") permit (principal, action == Action::"PUT", resource);' +
      '@id("less") @observe("2099-01-01") forbid (principal, action == Action::"HEAD", resource);',
  );
  for (const method of ['GET', 'HEAD', 'HEAD', 'PUT', 'DELETE']) await at.ask(method);
  await lastCall(at.exeat, 5);
  const text = await (await fetch(`http://${at.exeat.sidecar.health}/metrics`)).text();
  assert.match(text, /exeat_policy_trials_total\{decision="would_allow"\} 1\n/);
  assert.match(text, /exeat_policy_trials_total\{decision="would_deny"\} 2\n/);
  assert.match(text, /exeat_calls_total\{decision="would_deny",code=""\} 2\n/);
});

async function withParts(annotation: string): Promise<unknown[]> {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({
    destinations: { helper: loopback(origin, { protocol: 'a2a' }) },
    policy: `@id("all") permit (principal, action, resource); @id("quiet") ${annotation} forbid (principal, action == Action::"set_push_notification", resource);`,
  });
  const { authorization } = exeat.open();
  const message = { message: { parts: [] }, configuration: { pushNotificationConfig: { url: `${origin.url}/x` } } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message/send', params: message });
  await call(`${origin.url}/`, { proxy: exeat.proxy, authorization, method: 'POST', fields: ['Content-Type: application/json'], body });
  const event = await lastCall(exeat, 1);
  return [event['decision'], event['policies'], event['trial'], origin.seen.length];
}

test('a message of which a part is denied says which policy denied that, and one that is tried out marks it', async () => {
  assert.deepEqual(await withParts(''), ['deny', ['quiet'], undefined, 0]);
  assert.deepEqual(await withParts('@observe("2099-01-01")'), ['would_deny', ['all'], { decision: 'deny', policies: ['quiet'] }, 1]);
});

test('a permit that is tried out permits nothing, and what it would have permitted is marked', async () => {
  await using at = await start(
    '@id("read") permit (principal, action in Action::"read", resource); @id("new") @observe("2099-01-01") permit (principal, action == Action::"DELETE", resource);',
  );
  assert.equal(await at.ask('DELETE'), 403);
  const event = await lastCall(at.exeat, 1);
  assert.deepEqual([event['decision'], event['trial']], ['deny', { decision: 'allow', policies: ['new'] }]);
});

test('a policy whose day has passed is in force', async () => {
  await using at = await start(
    '@id("all") permit (principal, action, resource); @id("new") @observe("2020-01-01") forbid (principal, action == Action::"DELETE", resource);',
  );
  assert.equal(await at.ask('DELETE'), 403);
});

test('what creates standing access is not tried out: a forbid forbids it, a permit does not permit it', async () => {
  await using at = await start(
    '@id("mint") permit (principal, action == Action::"mint", resource); @id("new") @observe("2099-01-01") forbid (principal, action == Action::"mint", resource);',
  );
  assert.equal(await at.ask('POST', '/x/api_keys'), 403);
  await using other = await start(
    '@id("read") permit (principal, action in Action::"read", resource); @id("new") @observe("2099-01-01") permit (principal, action == Action::"mint", resource);',
  );
  assert.equal(await other.ask('POST', '/x/api_keys'), 403);
});

test('a day that is none is a start-up error', async () => {
  await assert.rejects(start('@observe("soon") permit (principal, action, resource);'), /"@observe" takes the day/);
  await assert.rejects(
    start('@obsrve("2099-01-01") permit (principal, action, resource);'),
    /no annotation "@obsrve"; did you mean "observe"/,
  );
});
