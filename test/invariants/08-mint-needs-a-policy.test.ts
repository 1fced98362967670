import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { createRoot } from '../support/certificates.ts';
import { send } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, permitAll, startTestSidecar } from '../support/sidecar.ts';

test('what a credential can mint is refused unless a policy names it, also while a destination is only observed', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const root = await createRoot();
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, root.pem);
  const origin = stack.use(await startOrigin(undefined, await root.issue(['api.github.com'])));
  const github = { hosts: ['api.github.com'], connect_to: origin.host, allow_private: true, ca };
  const exeat = stack.use(await startTestSidecar({ folder, destinations: { github } }));
  const { authorization } = exeat.open();
  const ask = async (method: string, path: string) => {
    const { status, code } = await call(`http://api.github.com${path}`, { proxy: exeat.proxy, authorization, method });
    return code ?? status;
  };
  const minting: readonly (readonly [string, string])[] = [
    ['POST', '/user/keys'],
    ['POST', '/repos/acme/app/hooks'],
    ['PUT', '/repos/acme/app/collaborators/eve'],
    ['POST', '/app/installations/1/access_tokens'],
    ['POST', '/USER/Keys/'],
  ];
  for (const [method, path] of minting) assert.equal(await ask(method, path), 'policy_denied', path);
  exeat.rewrite({
    destinations: { github: { ...github, observe: { until: '2999-01-01' } } },
    policy: '@id("none") forbid (principal, action, resource);',
  });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal(await ask('GET', '/user/keys'), 200, 'observed');
  for (const [method, path] of minting) assert.equal(await ask(method, path), 'policy_denied', path);
  assert.equal(origin.seen.length, 1);
  exeat.rewrite({ destinations: { github }, policy: `${permitAll} @id("keys") permit (principal, action == Action::"mint", resource);` });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal(await ask('POST', '/user/keys'), 200);
  const [event] = await exeat.events({ kind: 'call', method: 'POST', status: 200 });
  assert.deepEqual([event?.['operation'], event?.['policies']], ['github mint /user/keys', ['keys']]);
});

test("neither a base path, a route nor a host of one's own hides what is minted, and what a body could hold counts", async () => {
  await using origin = await startOrigin();
  await using server = await startOrigin();
  const ghe = { route: '/ghe', url: `${server.url}/api/v3`, allow_private: true, unsafe_cleartext: true };
  await using exeat = await startTestSidecar({ destinations: { ghe, own: loopback(origin) } });
  const { authorization, credential } = exeat.open();
  for (const path of ['/repos/acme/app/hooks', '/orgs/acme/personal-access-token-requests/7']) {
    const { body } = await send(exeat.proxy, { method: 'POST', path: `/ghe${path}`, headers: { 'exeat-task': credential } });
    assert.equal(body['code'], 'policy_denied', path);
  }
  for (const path of ['/graphql', '/gitlab/api/v4/projects/1/hooks', '/k8s/api/v1/namespaces/n/serviceaccounts/s/token']) {
    const { code } = await call(`${origin.url}${path}`, { proxy: exeat.proxy, authorization, method: 'POST' });
    assert.equal(code, 'policy_denied', path);
  }
  assert.equal(origin.seen.length + server.seen.length, 0);
});
