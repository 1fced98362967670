import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyAudit } from '../../src/audit/verify.ts';
import { call } from '../support/call.ts';
import { controlOf } from '../support/control.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { startProtectedApi } from '../support/protected-api.ts';
import { loopback, permitAll, startTestSidecar, type TestConfig } from '../support/sidecar.ts';
import { openStream, startStreams } from '../support/streams.ts';

/** A destination of one name that may stand at any origin. */
function at(origin: Origin): Pick<TestConfig, 'destinations'> {
  return { destinations: { api: { hosts: ['http://api.example'], connect_to: origin.host, allow_private: true } } };
}

function leases(events: readonly Record<string, unknown>[]): string[] {
  return events.map(({ lease }) => String(lease)).toSorted();
}

test('a good reload after a failed one counts for new calls; a call that runs keeps what it began with', async () => {
  await using before = await startStreams();
  await using after = await startOrigin();
  await using exeat = await startTestSidecar(at(before));
  const task = exeat.open();
  await using stream = await openStream(exeat, { origin: before, task, url: 'http://api.example' });
  exeat.rewrite({ ...at(after), policy: 'permit (' });
  assert.equal((await exeat.sidecar.reload('test')).reloaded, false);
  exeat.rewrite({ policy: '@id("new") permit (principal, action, resource);' });
  assert.deepEqual((await controlOf(exeat, 'operator')('POST', '/v1/reload')).body, { reloaded: true });

  assert.equal((await call('http://api.example/', { proxy: exeat.proxy, authorization: task.authorization })).status, 200);
  assert.equal(after.seen.length, 1);
  await stream.event('from where it began');
  const [loaded, reloaded] = await exeat.events({ kind: 'privilege.changed', change: 'policy' }, 2);
  const [event] = await exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['policies'], event?.['policy_digest']], [['new'], reloaded?.['digest']]);
  assert.notEqual(loaded?.['digest'], reloaded?.['digest']);
});

test('a policy that no longer grants a running stream cuts it, and only it', async () => {
  await using origin = await startStreams();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
  const task = exeat.open();
  await using cut = await openStream(exeat, { origin, task, path: '/cut' });
  await using kept = await openStream(exeat, { origin, task, path: '/kept' });
  exeat.rewrite({
    policy: `${permitAll} @id("no more") forbid (principal, action, resource) when { context.http.path == "/cut" };`,
  });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  await cut.broken();
  await kept.event('still granted');
  const [event] = await exeat.events({ kind: 'call', path: '/cut' });
  assert.deepEqual([event?.['code'], event?.['decision']], ['policy_denied', 'allow'], 'it was allowed when it began');
});

test('a stream whose operation is called otherwise now is granted by its new name', async () => {
  await using origin = await startStreams();
  const config: TestConfig = {
    destinations: { api: loopback(origin) },
    policy: `${permitAll} @id("only planned") forbid (principal, action, resource) unless { context.task.planned };`,
  };
  await using exeat = await startTestSidecar(config);
  const task = exeat.open('work', { plan: ['api read /events'] });
  await using stream = await openStream(exeat, { origin, task });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  await stream.event('still in the plan');
  exeat.rewrite({ destinations: { api: loopback(origin, { operations: ['/{anything}'] }) } });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  await stream.broken();
});

test('a destination that is taken out cuts its streams and refuses its calls', async () => {
  await using origin = await startStreams();
  await using other = await startOrigin();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin), other: loopback(other) } });
  const task = exeat.open();
  await using stream = await openStream(exeat, { origin, task });
  const without = { other: loopback(other) };
  exeat.rewrite({ destinations: without, intents: { work: { description: 'w', destinations: ['other'] } } });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  await stream.broken();
  const options = { proxy: exeat.proxy, authorization: task.authorization };
  assert.equal((await call(`${origin.url}/`, options)).code, 'destination_unknown');
  assert.equal((await call(`${other.url}/`, options)).status, 200);
  const [event] = await exeat.events({ kind: 'call', destination: 'api' });
  assert.equal(event?.['code'], 'destination_unknown');
});

for (const state of ['open', 'paused'] as const) {
  test(`a destination that the intent no longer names cuts the streams of a task that is ${state}`, async () => {
    await using origin = await startStreams();
    await using other = await startOrigin();
    const destinations = { api: loopback(origin), other: loopback(other) };
    await using exeat = await startTestSidecar({ destinations });
    const task = exeat.open();
    await using stream = await openStream(exeat, { origin, task });
    if (state === 'paused') exeat.sidecar.tasks.pause(task.id, 'operator');
    exeat.rewrite({ intents: { work: { description: 'w', destinations: ['other'] } } });
    assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
    await stream.broken();
    const [event] = await exeat.events({ kind: 'call' });
    assert.equal(event?.['code'], 'destination_outside_intent');
  });
}

for (const state of ['paused', 'completed'] as const) {
  test(`a reload does not cut the streams of a ${state} task that the new policy grants`, async () => {
    await using origin = await startStreams();
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, tasks: { drain: '10s' } });
    const task = exeat.open();
    await using stream = await openStream(exeat, { origin, task });
    if (state === 'paused') exeat.sidecar.tasks.pause(task.id, 'operator');
    const ended = state === 'completed' ? exeat.sidecar.tasks.complete(task.id, 'operator') : undefined;
    assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
    await stream.event('within its drain');
    stream.end();
    await ended;
    const [event] = await exeat.events({ kind: 'call' });
    assert.equal(event?.['code'], undefined);
  });
}

test('tasks, their leases and counts, and the audit chain go on over a reload', async () => {
  await using world = await startProtectedApi();
  const { exeat } = world;
  const task = exeat.open('work', { calls: 3 });
  const get = () => call(`${world.origin.url}/`, { proxy: exeat.proxy, authorization: task.authorization });
  assert.equal((await get()).status, 200);
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal((await get()).status, 200);
  assert.equal(world.authority.counters.issued, 1, 'the same credential');

  exeat.rewrite({ destinations: { tickets: world.destination('tickets:write') } });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal((await get()).status, 200);
  assert.equal(world.authority.counters.issued, 2, 'another scope, another credential');
  assert.equal((await get()).code, 'budget_spent');

  await exeat.sidecar.tasks.complete(task.id, 'operator');
  const issued = await exeat.events({ kind: 'credential.issued' }, 2);
  const revoked = await exeat.events({ kind: 'credential.revoked' }, 2);
  assert.deepEqual(leases(revoked), leases(issued), 'also the one whose provider is gone from the configuration');
  assert.deepEqual(new Set(revoked.map(({ proof }) => proof)), new Set(['introspected']));

  await exeat[Symbol.asyncDispose]();
  const publicKey = readFileSync(join(exeat.folder, 'state/audit-public.pem'), 'utf8');
  const report = await verifyAudit(join(exeat.folder, 'audit.ndjson'), { publicKeys: [publicKey] });
  assert.deepEqual([report.problem, report.unanchored, report.gaps], [undefined, 0, []]);
});
