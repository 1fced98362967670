import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { isRefusal } from '../../src/errors.ts';
import { agentId, codeOf, lease, startTasks, type TestCall, type TestTasks, nothingUsed } from '../support/tasks.ts';

const minute = 60_000;

function running(fixture: TestTasks, task: Parameters<TestTasks['call']>[0], operation?: string): TestCall {
  const call = fixture.call(task, operation);
  assert(!isRefusal(call), JSON.stringify(call));
  return call;
}

function settings(destinations: string[]) {
  return {
    tasks: { default_ttl: minute, max_ttl: minute, drain: 0, max_open: 10, max_running: 10, max_running_per_task: 10 },
    intents: { read: { description: 'Read', destinations } },
  };
}

test('a task gets the least of what was asked for, its intent and the configuration allow', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  assert.equal(task.expiresAt - task.openedAt, 15 * minute);
  assert.equal(task.agent, agentId);
  assert.equal(task.attested, true);
  assert.deepEqual([...task.destinations], ['github', 'tickets']);
  assert.equal(fixture.tasks.report(task.id)?.calls.budget, 20);

  const { task: greedy } = fixture.open({ ttlMs: 600 * minute, calls: 1000 });
  assert.equal(greedy.expiresAt - greedy.openedAt, 30 * minute);
  assert.equal(fixture.tasks.report(greedy.id)?.calls.budget, 20);

  const { task: modest } = fixture.open({ intent: 'read', ttlMs: 90 * minute, calls: 5 });
  assert.equal(modest.expiresAt - modest.openedAt, 60 * minute);
  assert.equal(fixture.tasks.report(modest.id)?.calls.budget, 5);
});

test('what cannot be opened is refused with a reason and leaves an event', async () => {
  await using fixture = await startTasks({ tasks: { max_open: 1 } });
  assert.equal(codeOf(fixture.tasks.open({ intent: 'nothing' }, 'orchestrator')), 'intent_unknown');
  assert.equal(codeOf(fixture.tasks.open({ intent: 'constructor' }, 'orchestrator')), 'intent_unknown');
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read', plan: ['tickets read /x'] }, 'orchestrator')), 'invalid_input');
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read', plan: ['github'] }, 'orchestrator')), 'invalid_input');
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read' }, 'agent')), 'self_declared_refused');
  fixture.agent = undefined;
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read' }, 'orchestrator')), 'identity_unavailable');
  fixture.agent = agentId;
  fixture.auditFailure = new Error('disk full');
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read' }, 'orchestrator')), 'audit_unavailable');
  fixture.auditFailure = undefined;
  fixture.open();
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read' }, 'orchestrator')), 'overloaded');
  assert.deepEqual(
    fixture.kinds().filter((kind) => kind === 'task.refused'),
    Array.from({ length: 8 }, () => 'task.refused'),
  );
});

test('a task reaches the destinations of its intent and no other', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open({ intent: 'read' });
  running(fixture, task, 'github read /x');
  assert.equal(codeOf(fixture.call(task, 'tickets read /x')), 'destination_outside_intent');
});

test('pausing refuses new calls and cuts none; resuming lets them in again; time runs on', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  const call = running(fixture, task);
  assert.equal((fixture.tasks.pause(task.id, 'operator') as { state: string }).state, 'paused');
  assert.equal(codeOf(fixture.call(task)), 'task_paused');
  assert.equal(call.cutBy, undefined);
  assert(fixture.tasks.isOpen(task.id), 'its running calls may still need credentials');
  fixture.tasks.resume(task.id, 'operator');
  running(fixture, task);
  fixture.tasks.pause(task.id, 'operator');
  fixture.now += 15 * minute;
  assert.equal(codeOf(fixture.tasks.resume(task.id, 'operator')), 'conflict');
  assert.equal(call.cutBy, 'task_expired');
  assert.equal(codeOf(fixture.call(task)), 'task_expired');
});

test('completing refuses new calls at once, lets running ones end, and answers with what was planned and done', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open({ plan: ['github read /issues', 'github write /labels'] });
  fixture.outcomes = [{ lease: 'lease_1', destination: 'github', outcome: 'revoked', proof: 'introspected', deadBy: fixture.now + minute }];
  const call = running(fixture, task);
  running(fixture, task, 'tickets read /mine');
  fixture.tasks.end(task, call, nothingUsed);
  const last = running(fixture, task);
  const completing = fixture.tasks.complete(task.id, 'orchestrator');
  assert.equal(codeOf(fixture.call(task)), 'task_completed');
  assert.equal(fixture.tasks.isOpen(task.id), false);
  assert.deepEqual(fixture.revoked, [], 'what drains may still need its credential');
  fixture.tasks.end(task, last, nothingUsed);
  const report = await completing;
  assert(!isRefusal(report));
  assert.equal(report.state, 'completed');
  assert.equal(report.ended_by, 'orchestrator');
  assert.deepEqual(report.calls, { used: 3, running: 1, budget: 20, left: 17 });
  assert.deepEqual(report.executed, [
    { operation: 'github read /issues', calls: 2 },
    { operation: 'tickets read /mine', calls: 1 },
  ]);
  assert.deepEqual(report.unplanned, ['tickets read /mine']);
  assert.deepEqual(report.missed, ['github write /labels']);
  assert.deepEqual(report.leases, [
    { lease: 'lease_1', destination: 'github', outcome: 'revoked', proof: 'introspected', dead_by: '2026-11-02T09:01:00.000Z' },
  ]);
});

test('what has not drained in time is cut, and only then its credentials are revoked', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  const call = running(fixture, task);
  const completing = fixture.tasks.complete(task.id, 'orchestrator');
  await turn();
  assert.equal(call.cutBy, undefined);
  await completing;
  assert.equal(call.cutBy, 'task_completed');
  assert.deepEqual(fixture.revoked, [task.id]);
});

test('revoking cuts at once, also what a completed task is still draining', async () => {
  await using fixture = await startTasks({ tasks: { drain: '1h' } });
  const { task } = fixture.open();
  const call = running(fixture, task);
  void fixture.tasks.revoke(task.id, 'operator');
  assert.equal(call.cutBy, 'task_revoked');
  assert.equal(codeOf(fixture.call(task)), 'task_revoked');

  const { task: second } = fixture.open();
  const draining = running(fixture, second);
  const completing = fixture.tasks.complete(second.id, 'agent');
  const revoked = await fixture.tasks.revoke(second.id, 'operator');
  assert.equal(draining.cutBy, 'task_revoked');
  assert.deepEqual(await completing, revoked);
});

test('a call that cannot be cut does not save the others', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  const stubborn = {
    seat: -1,
    cut: () => {
      throw new Error('stuck');
    },
  };
  assert.equal(fixture.tasks.begin(task, { operation: 'github read /x', charge: {} }, stubborn), undefined);
  const call = running(fixture, task);
  await fixture.tasks.revoke(task.id, 'operator');
  assert.equal(call.cutBy, 'task_revoked');
});

test('ending twice, however, gives the same report and one event', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  const [first, second] = await Promise.all([fixture.tasks.complete(task.id, 'agent'), fixture.tasks.complete(task.id, 'operator')]);
  assert.deepEqual(first, second);
  fixture.now += minute;
  assert.deepEqual(await fixture.tasks.complete(task.id, 'operator'), first);
  assert.deepEqual(await fixture.tasks.revoke(task.id, 'operator'), first);
  assert.equal(fixture.kinds().filter((kind) => kind === 'task.completed').length, 1);
  assert.deepEqual(fixture.revoked, [task.id]);
  assert.equal(codeOf(await fixture.tasks.complete('task_0', 'operator')), 'not_found');
});

test('a task expires by itself, with its streams cut and its credentials revoked', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open({ ttlMs: 30 });
  const call = running(fixture, task);
  fixture.now += 30;
  await pause(80);
  assert.equal(call.cutBy, 'task_expired');
  assert.deepEqual(fixture.revoked, [task.id]);
  assert.deepEqual(fixture.events.at(-1), {
    kind: 'task.expired',
    task: task.id,
    agent: agentId,
    subject: undefined,
    intent: 'triage',
    origin: 'orchestrator',
    by: 'ttl',
    expires_at: task.expiresAt,
  });
});

test('a clock that was set ahead is believed by the next call, before any timer', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  const call = running(fixture, task);
  fixture.now += 16 * minute;
  assert.equal(codeOf(fixture.call(task)), 'task_expired');
  assert.equal(call.cutBy, 'task_expired');
});

test('a spent budget has its own refusal, says so, and counts only calls that began', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open({ calls: 3 });
  for (let index = 0; index < 3; index += 1) running(fixture, task);
  fixture.call(task, 'elsewhere read /x');
  const refusal = fixture.call(task);
  assert(isRefusal(refusal));
  assert.equal(refusal.refused, 'budget_spent');
  assert.match(refusal.detail ?? '', /^All 3 calls/);
  assert.equal(fixture.tasks.report(task.id)?.calls.used, 3);
});

test('an issuer that fails does not keep a task from ending: its credentials are told as pending, with the time they are dead by', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  fixture.leases = [lease(task.id)];
  fixture.revoking = Promise.reject(new Error('issuer down'));
  const report = await fixture.tasks.complete(task.id, 'orchestrator');
  assert(!isRefusal(report));
  assert.deepEqual(report.leases, [{ lease: 'lease_1', destination: 'github', outcome: 'pending', dead_by: '2026-11-02T09:05:00.000Z' }]);
});

test('ending goes on while the audit log fails; what gives access does not', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  const call = running(fixture, task);
  fixture.tasks.pause(task.id, 'operator');
  fixture.auditFailure = new Error('disk full');
  assert.equal(codeOf(fixture.tasks.resume(task.id, 'operator')), 'audit_unavailable');
  await fixture.tasks.revoke(task.id, 'operator');
  assert.equal(call.cutBy, 'task_revoked');
  assert.deepEqual(fixture.revoked, [task.id]);
});

test('many distinct operations are counted together beyond a bound, planned ones always by name', async () => {
  await using fixture = await startTasks({ intents: { read: { description: 'Read', destinations: ['github'] } } });
  const { task } = fixture.open({ intent: 'read', plan: ['github read /planned'] });
  for (let index = 0; index < 600; index += 1) fixture.call(task, `github read /${index}`);
  fixture.call(task, `github read /${'x'.repeat(1000)}`);
  fixture.call(task, 'github read /planned');
  const { executed = [] } = fixture.tasks.report(task.id) ?? {};
  assert.equal(executed.length, 502);
  assert.deepEqual(executed.slice(-2), [
    { operation: 'other', calls: 101 },
    { operation: 'github read /planned', calls: 1 },
  ]);
});

test('a reload takes destinations away from running tasks and gives them back, never more', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open({ intent: 'read' });
  fixture.tasks.reconfigure(settings(['tickets']));
  assert.equal(codeOf(fixture.call(task, 'github read /x')), 'destination_outside_intent');
  assert.equal(codeOf(fixture.call(task, 'tickets read /x')), 'destination_outside_intent');
  fixture.tasks.reconfigure(settings(['github', 'tickets']));
  running(fixture, task, 'github read /x');
  assert.equal(codeOf(fixture.call(task, 'tickets read /x')), 'destination_outside_intent');
  fixture.tasks.reconfigure({ ...settings([]), intents: {} });
  assert.equal(codeOf(fixture.call(task, 'github read /x')), 'destination_outside_intent');
});
