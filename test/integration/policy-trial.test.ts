import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
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
