import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import type { Charge, Spent, Task } from '../../src/tasks/task.ts';
import { startTasks, type TestTasks } from '../support/tasks.ts';

const intents = {
  triage: {
    description: 'Sort',
    destinations: ['models', 'kb'],
    budget: { bytes: '1KiB', tokens: 1000, cost: 0.01, tools: { 'kb delete': 2 } },
  },
};
const own = { self_declared: { max_open: 5 } };

/** Begins and ends a call; the detail of the refusal, or undefined. */
function use(fixture: TestTasks, task: Task, charge: Charge, spent: Spent = { bytes: 0 }): string | undefined {
  const call = { seat: -1, cut: () => undefined };
  const refusal = fixture.tasks.begin(task, { operation: 'kb call_tool x', charge }, call);
  assert(!(refusal instanceof Promise));
  if (refusal !== undefined) {
    assert.equal(refusal.refused, 'budget_spent');
    return refusal.detail ?? '';
  }
  fixture.tasks.end(task, call, { charge, spent });
  return undefined;
}

function leftOf(fixture: TestTasks, { id }: Task): Record<string, number> {
  return Object.fromEntries(fixture.tasks.report(id)?.budgets.map(({ what, left }) => [what, left]) ?? []);
}

test('tokens are reserved while a call runs, and counted as used when it ends', async () => {
  await using fixture = await startTasks({ intents });
  const { task } = fixture.open();
  const running = { seat: -1, cut: () => undefined };
  const charge = { tokens: 900, cost: 1 };
  assert.equal(fixture.tasks.begin(task, { operation: 'models infer m', charge }, running), undefined);
  assert.match(
    use(fixture, task, { tokens: 200 }) ?? '',
    /Of this task's budget of 1000 tokens 100 tokens are left, and the call may use 200 tokens\./,
  );
  fixture.tasks.end(task, running, { charge, spent: { bytes: 0, tokens: 300, cost: 1 } });
  assert.equal(leftOf(fixture, task)['tokens'], 700);
  assert.equal(use(fixture, task, { tokens: 700 }, { bytes: 0 }), undefined);
  assert.equal(leftOf(fixture, task)['tokens'], 0, 'what is not known to be less stays taken');
  assert.notEqual(use(fixture, task, { tokens: 1 }), undefined);
});

test('a tool has its own number of calls, and others go on', async () => {
  await using fixture = await startTasks({ intents });
  const { task } = fixture.open();
  for (let i = 0; i < 2; i += 1) assert.equal(use(fixture, task, { tool: 'kb delete' }), undefined);
  assert.match(use(fixture, task, { tool: 'kb delete' }) ?? '', /2 calls of this tool 0 calls of this tool are left/);
  assert.equal(use(fixture, task, { tool: 'kb search' }), undefined);
});

test('bytes count when a call ends', async () => {
  await using fixture = await startTasks({ intents });
  const { task } = fixture.open();
  assert.equal(use(fixture, task, {}, { bytes: 1500 }), undefined);
  assert.match(use(fixture, task, {}) ?? '', /1024 bytes 0 bytes are left/);
});

test('a budget of cost lets no model go whose price is not known', async () => {
  await using fixture = await startTasks({ intents });
  const { task } = fixture.open();
  assert.match(use(fixture, task, { tokens: 1, unpriced: true }) ?? '', /no price is configured/);
  assert.equal(use(fixture, task, { tokens: 1, cost: 10_000 }, { bytes: 0, tokens: 1, cost: 9000 }), undefined);
  assert.match(use(fixture, task, { tokens: 1, cost: 2000 }) ?? '', /0\.00 in cost are left/);
});

test('a request can narrow its limits and not widen them', async () => {
  await using fixture = await startTasks({ intents });
  const { task } = fixture.open({ limits: { tokens: 10, bytes: 1e9, tools: { 'kb delete': 9, 'kb search': 1 } } });
  assert.deepEqual(leftOf(fixture, task), { bytes: 1024, tokens: 10, cost: 10_000, 'tool kb delete': 2, 'tool kb search': 1 });
});

for (const how of ['crash', 'clean'] as const) {
  test(`a restart (${how}) gives nothing back`, async () => {
    await using fixture = await startTasks({ intents });
    const { task } = fixture.open();
    use(fixture, task, { tokens: 600 }, { bytes: 0, tokens: 600 });
    use(fixture, task, { tool: 'kb delete' });
    await fixture.restart(how);
    const left = leftOf(fixture, task);
    assert.ok((left['tokens'] ?? 1e9) <= 400, JSON.stringify(left));
    assert.ok((left['tool kb delete'] ?? 1e9) <= 1, JSON.stringify(left));
    if (how === 'clean') assert.equal(left['tokens'], 400);
  });
}

test("the agent's own tasks of an intent share what it has, whichever is opened next, until the hour is over", async () => {
  await using fixture = await startTasks({ intents, tasks: own });
  const first = fixture.open({}, 'agent').task;
  assert.equal(use(fixture, first, { tokens: 900 }, { bytes: 0, tokens: 900 }), undefined);
  await fixture.tasks.complete(first.id, 'agent');
  const second = fixture.open({}, 'agent').task;
  assert.match(
    use(fixture, second, { tokens: 200 }) ?? '',
    /Of the agent's own budget of 1000 tokens 100 tokens are left.*There is more in \d+ min\./,
  );
  await fixture.restart('clean');
  assert.match(use(fixture, second, { tokens: 200 }) ?? '', /are left/);
  const attested = fixture.open().task;
  assert.equal(use(fixture, attested, { tokens: 200 }), undefined);
  fixture.now += 3_600_000;
  const third = fixture.open({}, 'agent').task;
  assert.equal(use(fixture, third, { tokens: 200 }), undefined);
});

test('what a call took of one hour is not given back to the next', async () => {
  await using fixture = await startTasks({ intents, tasks: { max_ttl: '10h', self_declared: { max_open: 5 } } });
  const open = () => fixture.open({ ttlMs: 36_000_000 }, 'agent').task;
  const [first, second, third] = [open(), open(), open()];
  const running = { seat: -1, cut: () => undefined };
  const charge = { tokens: 900 };
  assert.equal(fixture.tasks.begin(first, { operation: 'models infer m', charge }, running), undefined);
  fixture.now += 3_600_000;
  assert.equal(use(fixture, second, { tokens: 800 }), undefined);
  fixture.tasks.end(first, running, { charge, spent: { bytes: 0, tokens: 1 } });
  assert.match(use(fixture, third, { tokens: 300 }) ?? '', /of 1000 tokens 200 tokens are left/);
});

test('what cannot be written down is not used', async () => {
  await using fixture = await startTasks({ intents });
  const { task } = fixture.open();
  fixture.breakDisk();
  assert.throws(() => use(fixture, task, { tokens: 100 }));
  assert.equal(leftOf(fixture, task)['tokens'], 1000);
});

test('a task without such limits reports none', async () => {
  await using fixture = await startTasks();
  const { task } = fixture.open();
  assert.equal(use(fixture, task, { tokens: 1e9, tool: 'kb delete' }, { bytes: 1e12 }), undefined);
  const report = fixture.tasks.report(task.id);
  assert.ok(report !== undefined && !isRefusal(report));
  assert.deepEqual(report.budgets, []);
});
