import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { createRoot } from '../support/certificates.ts';
import { startOrigin } from '../support/origin.ts';
import { permitAll, startTestSidecar, type TestSidecar } from '../support/sidecar.ts';

/** What the last load, at start or by a reload, told of what is in force. */
function lastLoad(exeat: TestSidecar): (readonly [change: unknown, detail: unknown])[] {
  const events = exeat.allEvents().filter(({ kind }) => kind === 'privilege.changed');
  return events.slice(events.findLastIndex(({ change }) => change === 'config')).map(({ change, detail }) => [change, detail]);
}

test('each load tells what is in force: configuration, policies, destinations that are only observed, unsafe switches by name', async () => {
  const plain = { hosts: ['https://api.example.com'] };
  await using exeat = await startTestSidecar({
    listen: { proxy: '0.0.0.0:0', unsafe_expose_proxy: true },
    destinations: {
      plain,
      over: { hosts: ['https://over.example.com'], observe: { until: '2020-01-31' } },
      watched: { hosts: ['https://watched.example.com'], observe: { until: '2999-01-31' } },
      kept: { hosts: ['http://kept.example.com'], unsafe_keep: ['x-api-key'], unsafe_encoded_path: true },
    },
  });
  await exeat.events({ change: 'unsafe' });
  assert.deepEqual(lastLoad(exeat), [
    ['config', 'loaded at start'],
    ['policy', 'loaded at start'],
    ['observe', 'watched: until 2999-02-01T00:00:00.000Z what policy denies is forwarded and marked'],
    ['unsafe', 'listen.unsafe_expose_proxy, destinations.kept.unsafe_keep, destinations.kept.unsafe_encoded_path'],
  ]);
  const [before] = await exeat.events({ change: 'policy' });
  exeat.rewrite({ destinations: { plain }, policy: '@id("none") forbid (principal, action, resource);' });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  const [, after] = await exeat.events({ change: 'policy' }, 2);
  await exeat.events({ change: 'unsafe' }, 2);
  assert.deepEqual(lastLoad(exeat), [
    ['config', 'reloaded'],
    ['policy', 'reloaded'],
    ['unsafe', 'listen.unsafe_expose_proxy'],
  ]);
  assert.notEqual(before?.['digest'], after?.['digest']);
});

test('a call that may create standing access has an event that says so, before it is forwarded', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const root = await createRoot();
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, root.pem);
  const origin = stack.use(await startOrigin(undefined, await root.issue(['api.github.com'])));
  const exeat = stack.use(
    await startTestSidecar({
      folder,
      destinations: { github: { hosts: ['api.github.com'], connect_to: origin.host, allow_private: true, ca } },
      policy: `${permitAll} @id("keys") permit (principal, action == Action::"mint", resource) when { context.http.path == "/user/keys" };`,
    }),
  );
  const { id, authorization } = exeat.open();
  const post = (path: string) => call(`http://api.github.com${path}`, { proxy: exeat.proxy, authorization, method: 'POST' });
  assert.equal((await post('/user/gpg_keys')).code, 'policy_denied');
  assert.equal((await post('/user/keys')).status, 200);
  const [, made] = await exeat.events({ kind: 'call', task: id }, 2);
  const events = await exeat.events({ change: 'mint' });
  assert.deepEqual(
    events.map(({ kind, task, call: of, detail }) => ({ kind, task, of, detail })),
    [{ kind: 'privilege.changed', task: id, of: made?.['call'], detail: 'github mint /user/keys' }],
  );
  assert.ok(Number(events[0]?.['seq']) < Number(made?.['seq']));
});
