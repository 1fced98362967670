import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { send } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, permitAll, startTestSidecar, type TestConfig } from '../support/sidecar.ts';
import { createWorkloadIssuer } from '../support/workload-issuer.ts';

async function startWorld(config: (folder: string) => Partial<TestConfig>, more: object = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const origin = stack.use(await startOrigin());
  const exeat = stack.use(await startTestSidecar({ folder, destinations: { api: loopback(origin, more) }, ...config(folder) }));
  const { authorization } = exeat.open();
  return {
    exeat,
    origin,
    folder,
    get: (path = '/') => call(origin.url + path, { proxy: exeat.proxy, authorization }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('a policy that fails while it is evaluated refuses the call, also where another permits it and it would only forbid', async () => {
  const failing = '@id("sum") forbid (principal, action, resource) when { context.http.path == "/sum" && 9223372036854775807 + 1 == 0 };';
  await using world = await startWorld(() => ({ policy: `${permitAll} ${failing}` }));
  assert.equal((await world.get('/')).status, 200);
  const { status, code, body } = await world.get('/sum');
  assert.deepEqual([status, code], [403, 'policy_error']);
  assert.doesNotMatch(body, /overflow|sum/, 'the agent is not told what failed');
  assert.equal(world.origin.seen.length, 1);
  const [event] = await world.exeat.events({ kind: 'call', path: '/sum' });
  assert.deepEqual([event?.['decision'], event?.['policies']], ['deny', ['sum']]);
});

test('without policies, and with a method that none can name, every call is refused', async () => {
  await using none = await startWorld(() => ({ policy: '' }));
  assert.equal((await none.get()).code, 'policy_denied');
  await using all = await startWorld(() => ({}));
  const { authorization } = all.exeat.open();
  const options = { proxy: all.exeat.proxy, authorization };
  assert.equal((await call(`${all.origin.url}/`, { ...options, method: 'PROPFIND' })).code, 'policy_denied');
  assert.equal(none.origin.seen.length + all.origin.seen.length, 0);
});

test('a credential that has passed its date counts as none', async () => {
  const credential = { kind: 'static', header: 'x-token', value: { env: 'PATH' }, expires: '2026-01-31', reason: 'test' };
  await using world = await startWorld(() => ({}), { credential });
  const { status, code } = await world.get();
  assert.deepEqual([status, code, world.origin.connections()], [403, 'credential_expired', 0]);
});

test('an identity whose proof has expired stops calls and readiness, until there is a new one', async () => {
  const issuer = await createWorkloadIssuer();
  const token = (seconds: number) =>
    issuer.token({ sub: 'agent', aud: 'https://idp.example', exp: Math.floor(Date.now() / 1000) + seconds });
  const short = await token(2);
  let file = '';
  await using world = await startWorld((folder) => {
    file = join(folder, 'token');
    writeFileSync(file, short);
    return { identity: { source: 'file', path: file, reread: '300ms' } };
  });
  const ready = async () => (await send(world.exeat.sidecar.health, { path: '/readyz' })).status;
  assert.deepEqual([(await world.get()).status, await ready()], [200, 200]);
  await pause(2100);
  const { status, code, head } = await world.get();
  assert.deepEqual([status, code, await ready()], [503, 'identity_unavailable', 503]);
  assert.match(head, /retry-after: \d/);
  assert.equal(world.origin.seen.length, 1);
  writeFileSync(file, await token(600));
  while ((await ready()) !== 200) await pause(20);
  assert.equal((await world.get()).status, 200);
});
