import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { startProtectedApi } from '../support/protected-api.ts';
import { loopback } from '../support/sidecar.ts';

test('a call that is refused asks nobody for a credential', async () => {
  await using world = await startProtectedApi();
  const { exeat, origin } = world;
  exeat.rewrite({ policy: 'permit (principal, action in Action::"read", resource);' });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  const ended = exeat.open();
  await exeat.sidecar.tasks.complete(ended.id, 'operator');
  const paused = exeat.open();
  exeat.sidecar.tasks.pause(paused.id, 'operator');
  const spent = exeat.open('work', { calls: 1 });
  const options = { proxy: exeat.proxy, authorization: world.task.authorization };
  const codes = [
    (await call(`${origin.url}/`, { ...options, authorization: 'Basic YTpi' })).code,
    (await call(`${origin.url}/`, { ...options, authorization: ended.authorization })).code,
    (await call(`${origin.url}/`, { ...options, authorization: paused.authorization })).code,
    (await call(`${origin.url}/`, { ...options, method: 'POST' })).code,
    (await call(`${origin.url}/?api_key=x`, options)).code,
    (await call('http://unknown.example/', options)).code,
  ];
  assert.deepEqual(codes, [
    'task_credential_unknown',
    'task_completed',
    'task_paused',
    'policy_denied',
    'credential_in_query',
    'destination_unknown',
  ]);
  assert.equal(world.authority.counters.issued, 0);
  assert.equal((await call(`${origin.url}/`, { ...options, authorization: spent.authorization })).status, 200);
  assert.equal((await call(`${origin.url}/`, { ...options, authorization: spent.authorization })).code, 'budget_spent');
  assert.equal(world.authority.counters.issued, 1);
});

test('a credential is not taken along when its destination moves: where it is now, it gets another', async () => {
  await using world = await startProtectedApi();
  await using moved = await startOrigin();
  const { exeat, task } = world;
  assert.equal(await world.call(), 200);
  exeat.rewrite({ destinations: { tickets: { ...world.destination('tickets:read'), ...loopback(moved) } } });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal((await call(`${moved.url}/`, { proxy: exeat.proxy, authorization: task.authorization })).status, 200);
  const [before, after] = [world.origin.seen[0]?.headers.authorization, moved.seen[0]?.headers.authorization];
  assert.match(before ?? '', /^Bearer /);
  assert.match(after ?? '', /^Bearer /);
  assert.notEqual(after, before);
  const [first, second] = await exeat.events({ kind: 'call' }, 2);
  assert.notEqual(first?.['lease'], second?.['lease']);
});
