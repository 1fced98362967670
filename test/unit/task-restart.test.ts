import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isRefusal } from '../../src/errors.ts';
import { openReserve } from '../../src/reserve.ts';
import { basic, caller, codeOf, startTasks } from '../support/tasks.ts';

test('an open task goes on after a restart with the same credential, an ended one keeps its report', async () => {
  await using fixture = await startTasks();
  const { task, credential } = fixture.open({ plan: ['github read /issues'] });
  const { task: other } = fixture.open();
  const { task: done } = fixture.open();
  fixture.call(task);
  fixture.tasks.pause(other.id, 'operator');
  fixture.outcomes = [{ lease: 'lease_1', destination: 'github', outcome: 'not_revocable', deadBy: Number.POSITIVE_INFINITY }];
  const report = await fixture.tasks.complete(done.id, 'agent');
  await fixture.restart('clean');
  const found = fixture.tasks.authenticate(caller(basic(credential.reveal())));
  assert(found !== undefined && !isRefusal(found));
  assert.equal(found.id, task.id);
  assert(!isRefusal(fixture.call(found)));
  assert.deepEqual(fixture.tasks.report(task.id)?.calls, { used: 2, running: 1, budget: 20, left: 18 });
  assert.deepEqual(fixture.tasks.report(task.id)?.executed, [{ operation: 'github read /issues', calls: 2 }]);
  const pausedTask = fixture.tasks.get(other.id);
  assert(pausedTask !== undefined);
  assert.equal(codeOf(fixture.call(pausedTask)), 'task_paused');
  assert.deepEqual(fixture.tasks.report(done.id), report);
  assert.deepEqual(await fixture.tasks.complete(done.id, 'operator'), report);
});

test('a crash may lose calls of a budget and never gives one back', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  for (let index = 0; index < 3; index += 1) assert(!isRefusal(fixture.call(task)));
  await turn();
  await fixture.restart('crash');
  const { calls } = fixture.tasks.report(task.id) ?? {};
  assert(calls !== undefined && calls.used >= 3 && calls.used <= 6, JSON.stringify(calls));
  await fixture.restart('clean');
  assert.deepEqual(fixture.tasks.report(task.id)?.calls, calls);
});

test('a task whose time ended while Exeat was away expires at the start, and its credentials are revoked', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  await fixture.restart('crash');
  assert.deepEqual(fixture.revoked, []);
  fixture.now += 3_600_000;
  await fixture.restart('crash');
  assert.equal(fixture.tasks.report(task.id)?.state, 'expired');
  assert.equal(fixture.kinds().at(-1), 'task.expired');
  await turn();
  assert.deepEqual(fixture.revoked, [task.id]);
});

test('the revocation that a crash interrupted is done at the next start', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  fixture.revoking = Promise.withResolvers<void>().promise;
  void fixture.tasks.complete(task.id, 'orchestrator');
  await turn();
  fixture.revoking = Promise.resolve();
  await fixture.restart('crash');
  assert.deepEqual(fixture.revoked, [task.id]);
  assert.equal(fixture.tasks.report(task.id)?.state, 'completed');
});

test('ended tasks are kept for their reports, so many and so long', async () => {
  await using fixture = await startTasks();
  const { task: first, credential } = fixture.open();
  await fixture.tasks.complete(first.id, 'agent');
  assert.equal(codeOf(fixture.tasks.check(first, 'github')), 'task_completed');
  fixture.now += 24 * 3_600_000 + 1;
  const { task: second } = fixture.open();
  await fixture.tasks.complete(second.id, 'agent');
  assert.equal(fixture.tasks.report(first.id), undefined);
  assert.equal(codeOf(fixture.tasks.authenticate(caller(basic(credential.reveal())))), 'task_credential_unknown');
  await fixture.restart('crash');
  assert.deepEqual(
    fixture.tasks.list().map(({ id }) => id),
    [second.id],
  );
});

test('reports of tasks with many operations make room for newer ones', async () => {
  await using fixture = await startTasks({
    tasks: { drain: '0s', self_declared: { calls_per_hour: 100_000 } },
    intents: { triage: { description: 'T', destinations: ['github'] } },
  });
  const ids: string[] = [];
  for (let index = 0; index < 22; index += 1) {
    const { task } = fixture.open({}, 'agent');
    ids.push(task.id);
    for (let path = 0; path < 500; path += 1) fixture.call(task, `github read /${path}`);
    await fixture.tasks.complete(task.id, 'agent');
  }
  assert.deepEqual(
    ids.map((id) => fixture.tasks.report(id) !== undefined),
    ids.map((_, index) => index >= 2),
  );
});

test('however many tasks the agent opens for itself, the reports of those that others opened stay', async () => {
  await using fixture = await startTasks({ tasks: { self_declared: { max_open: 2 } } });
  const { task } = fixture.open();
  await fixture.tasks.complete(task.id, 'orchestrator');
  const own: string[] = [];
  for (let index = 0; index < 250; index += 1) {
    const opened = fixture.open({}, 'agent');
    own.push(opened.task.id);
    await fixture.tasks.complete(opened.task.id, 'agent');
  }
  for (const how of ['crash', 'clean'] as const) {
    assert.equal(fixture.tasks.report(task.id)?.state, 'completed');
    const kept = own.filter((id) => fixture.tasks.report(id) !== undefined);
    assert.deepEqual(kept, own.slice(-200));
    await fixture.restart(how);
  }
});

test('a note in the reserve takes access away and never gives any back', async () => {
  await using fixture = await startTasks();
  const [open, done] = [fixture.open().task, fixture.open().task];
  await fixture.tasks.complete(done.id, 'operator');
  {
    using notes = openReserve(join(fixture.folder, 'task.reserve'), 1024);
    for (const id of [open.id, done.id, 'task_forgotten']) notes.put(id, { state: 'paused' });
  }
  for (const how of ['crash', 'clean', 'crash'] as const) {
    await fixture.restart(how);
    assert.deepEqual([fixture.tasks.report(open.id)?.state, fixture.tasks.report(done.id)?.state], ['paused', 'completed']);
  }
  using notes = openReserve(join(fixture.folder, 'task.reserve'), 1024);
  assert.deepEqual(notes.all(), [], 'all is in the records');
});

test('with a disk that takes nothing no task opens and no unreserved call begins, yet tasks end, are cut and revoked', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  const call = fixture.call(task);
  assert('cutBy' in call);
  fixture.breakDisk();
  assert.throws(() => fixture.tasks.open({ intent: 'triage' }, 'orchestrator'));
  assert.equal(fixture.tasks.openCount, 1);
  assert.throws(() => {
    for (let index = 0; index < 20; index += 1) fixture.call(task);
  });
  const report = await fixture.tasks.revoke(task.id, 'operator');
  assert(!isRefusal(report));
  assert.deepEqual([report.state, report.recorded], ['revoked', false]);
  assert.equal(call.cutBy, 'task_revoked');
  assert.deepEqual(fixture.revoked, [task.id]);
});
