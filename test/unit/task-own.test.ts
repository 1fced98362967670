import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import type { Task } from '../../src/tasks/task.ts';
import { agentId, basic, caller, codeOf, startTasks, type TestTasks } from '../support/tasks.ts';

const minute = 60_000;
const byDefault = { default_intent: 'triage' };

/** The task in which a call without a credential runs. */
function current(fixture: TestTasks): Task {
  const task = fixture.tasks.authenticate(caller(undefined));
  assert(task !== undefined && !isRefusal(task), JSON.stringify(task));
  return task;
}

test('an agent may open tasks for itself where that is allowed, so many at a time, and their intent is not attested', async () => {
  await using fixture = await startTasks({ tasks: { self_declared: { max_open: 2 } } });
  const { task } = fixture.open({}, 'agent');
  assert.equal(task.attested, false);
  assert.equal(task.origin, 'self_declared');
  fixture.open({}, 'agent');
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read' }, 'agent')), 'self_declared_refused');
  fixture.open({}, 'orchestrator');
  await fixture.tasks.complete(task.id, 'agent');
  fixture.open({}, 'agent');
});

test('all that an agent opens for itself shares one ceiling of calls an hour, which orchestrated tasks do not touch', async () => {
  await using fixture = await startTasks({ tasks: { max_ttl: '10h', self_declared: { max_open: 5, calls_per_hour: 4 } } });
  const [first, second] = [fixture.open({}, 'agent').task, fixture.open({}, 'agent').task];
  for (const task of [first, second, first, second]) assert(!isRefusal(fixture.call(task)));
  for (const task of [first, fixture.open({}, 'agent').task]) {
    const refusal = fixture.call(task);
    assert(isRefusal(refusal));
    assert.equal(refusal.refused, 'budget_spent');
    assert.equal(refusal.retryAfterS, 3660);
    assert.match(refusal.detail ?? '', /ceiling of 4 calls an hour.* 61 min/);
  }
  assert(!isRefusal(fixture.call(fixture.open().task)));
  fixture.now += 61 * minute;
  assert(!isRefusal(fixture.call(fixture.open({}, 'agent').task)));
});

test('with a default intent, calls without a credential share one task, and any credential is refused', async () => {
  await using fixture = await startTasks({ tasks: byDefault });
  const task = current(fixture);
  assert.equal(task.origin, 'default');
  assert.equal(task.attested, false);
  assert.equal(current(fixture), task);
  assert.equal(fixture.tasks.authenticate(caller(undefined, 'route')), task);
  for (const presented of ['', basic(`${task.id}.x`), 'Bearer sk-dummy']) {
    assert.equal(codeOf(fixture.tasks.authenticate(caller(presented))), 'task_credential_refused');
    assert.equal(codeOf(fixture.tasks.authenticate(caller(presented, 'route'))), 'task_credential_refused');
  }
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read' }, 'orchestrator')), 'conflict');
});

test('without a default intent no call runs without a credential', async () => {
  await using fixture = await startTasks();
  assert.equal(codeOf(fixture.tasks.authenticate(caller(undefined))), 'task_credential_missing');
  assert.deepEqual(fixture.events, []);
});

test('a default task that is over, by time or by budget, is followed by another with a new id', async () => {
  await using fixture = await startTasks({ tasks: byDefault });
  const first = current(fixture);
  fixture.now += 15 * minute;
  const second = current(fixture);
  assert.notEqual(second.id, first.id);
  assert.equal(fixture.tasks.report(first.id)?.state, 'expired');
  for (let index = 0; index < 20; index += 1) assert(!isRefusal(fixture.call(second)));
  assert.equal(codeOf(fixture.call(second)), 'budget_spent');
  const third = current(fixture);
  assert.notEqual(third.id, second.id);
  assert.deepEqual([fixture.tasks.report(second.id)?.state, fixture.tasks.report(second.id)?.ended_by], ['completed', 'budget']);
});

test('one default task after the other is bound by the ceiling of calls an hour', async () => {
  await using fixture = await startTasks({ tasks: { ...byDefault, self_declared: { calls_per_hour: 30 } } });
  let calls = 0;
  while (!isRefusal(fixture.call(current(fixture)))) calls += 1;
  assert.equal(calls, 30);
});

test('after a revoke neither a default nor a self-declared task opens, over restarts too, until someone allows it', async () => {
  await using fixture = await startTasks({ tasks: byDefault });
  const task = current(fixture);
  await fixture.tasks.revoke(task.id, 'operator');
  assert.equal(codeOf(fixture.tasks.authenticate(caller(undefined))), 'task_revoked');
  await fixture.restart('crash');
  assert.equal(codeOf(fixture.tasks.authenticate(caller(undefined))), 'task_revoked');
  await fixture.restart('crash', { tasks: { self_declared: {} } });
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read' }, 'agent')), 'self_declared_refused');
  fixture.open({}, 'orchestrator');
  fixture.tasks.allow('orchestrator');
  fixture.open({}, 'agent');
  await fixture.restart('crash', { tasks: byDefault });
  await fixture.tasks.complete(fixture.tasks.list()[0]?.id ?? '', 'operator');
  current(fixture);
  assert.deepEqual(
    fixture.events.flatMap((event) => (event.kind === 'privilege.changed' ? [event.detail] : [])),
    [
      'the agent may open no tasks for itself: a task was revoked by operator',
      'the agent may open tasks for itself again: allowed by orchestrator',
    ],
  );
});

test('a default task that was paused does not come back by expiring', async () => {
  await using fixture = await startTasks({ tasks: byDefault });
  const task = current(fixture);
  fixture.tasks.pause(task.id, 'operator');
  assert.equal(codeOf(fixture.call(current(fixture))), 'task_paused');
  fixture.now += 16 * minute;
  assert.equal(codeOf(fixture.tasks.authenticate(caller(undefined))), 'task_revoked');
});

for (const { how, tasks, end } of [
  { how: 'completing it', tasks: byDefault, end: (fixture: TestTasks, id: string) => fixture.tasks.complete(id, 'agent') },
  { how: 'completing it', tasks: { self_declared: {} }, end: (fixture: TestTasks, id: string) => fixture.tasks.complete(id, 'agent') },
  { how: 'letting it expire', tasks: { self_declared: {} }, end: (fixture: TestTasks) => (fixture.now += 16 * minute) },
  { how: 'letting it expire over a restart', tasks: byDefault, end: (fixture: TestTasks) => fixture.restart('crash') },
  { how: 'becoming someone else', tasks: byDefault, end: (fixture: TestTasks) => (fixture.agent = `${agentId}/other`) },
]) {
  const isDefault = tasks === byDefault;
  test(`the agent does not lift the pause of its ${isDefault ? 'default' : 'self-declared'} task by ${how}`, async () => {
    await using fixture = await startTasks({ tasks });
    const open = () => (isDefault ? fixture.tasks.authenticate(caller(undefined)) : fixture.tasks.open({ intent: 'read' }, 'agent'));
    const { id } = isDefault ? current(fixture) : fixture.open({}, 'agent').task;
    fixture.tasks.pause(id, 'operator');
    if (how.endsWith('restart')) fixture.now += 16 * minute;
    await end(fixture, id);
    assert.equal(codeOf(open()), isDefault ? 'task_revoked' : 'self_declared_refused');
    await fixture.restart('crash');
    assert.equal(codeOf(open()), isDefault ? 'task_revoked' : 'self_declared_refused');
    fixture.tasks.allow('operator');
    assert.equal(codeOf(open()), undefined);
  });
}

test('whoever may lift the pause of a task lifts it by ending the task', async () => {
  await using fixture = await startTasks({ tasks: byDefault });
  for (const by of ['operator', 'orchestrator']) {
    const { id } = current(fixture);
    fixture.tasks.pause(id, 'operator');
    await fixture.tasks.complete(id, by);
  }
  current(fixture);
});

test('while one task of its own is paused the agent opens no other, and those that are open go on', async () => {
  await using fixture = await startTasks({ tasks: { self_declared: { max_open: 3 } } });
  const [paused, open] = [fixture.open({}, 'agent').task, fixture.open({}, 'agent').task];
  fixture.tasks.pause(paused.id, 'operator');
  assert.equal(codeOf(fixture.tasks.open({ intent: 'read' }, 'agent')), 'self_declared_refused');
  assert(!isRefusal(fixture.call(open)));
  fixture.open({}, 'orchestrator');
  fixture.tasks.resume(paused.id, 'operator');
  fixture.open({}, 'agent');
});

test('the pause of a self-declared task holds for the default task that a reload brings', async () => {
  await using fixture = await startTasks({ tasks: { self_declared: {} } });
  const { task } = fixture.open({}, 'agent');
  fixture.tasks.pause(task.id, 'operator');
  await fixture.restart('clean', { tasks: byDefault });
  assert.equal(codeOf(fixture.tasks.authenticate(caller(undefined))), 'self_declared_refused');
});

test('a default task goes on after a restart, and ends when the default intent is another one', async () => {
  await using fixture = await startTasks({ tasks: byDefault });
  const task = current(fixture);
  await fixture.restart('crash');
  assert.equal(current(fixture).id, task.id);
  await fixture.restart('clean', { tasks: { default_intent: 'read' } });
  assert.notEqual(current(fixture).id, task.id);
  assert.equal(fixture.tasks.report(task.id)?.ended_by, 'reload');
});

test('a default task ends when the agent comes to be someone else', async () => {
  await using fixture = await startTasks({ tasks: byDefault });
  const task = current(fixture);
  fixture.agent = undefined;
  assert.equal(current(fixture), task);
  fixture.agent = 'spiffe://acme.example/agents/other';
  const next = current(fixture);
  assert.deepEqual([next.agent, fixture.tasks.report(task.id)?.ended_by], [fixture.agent, 'identity']);
});
