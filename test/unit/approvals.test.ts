import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEvent } from '../../src/audit/audit.ts';
import { isRefusal } from '../../src/errors.ts';
import type { ApprovalView, Question } from '../../src/tasks/approval.ts';
import { approvalsConfig } from '../../src/tasks/approval-settings.ts';
import { createApprovals, type Approvals } from '../../src/tasks/approvals.ts';
import type { Task } from '../../src/tasks/task.ts';

interface Bench {
  readonly approvals: Approvals;
  readonly events: AuditEvent[];
  readonly asked: ApprovalView[];
  at: number;
}

function bench(settings: object = {}): Bench {
  const events: AuditEvent[] = [];
  const asked: ApprovalView[] = [];
  const made: Bench = {
    events,
    asked,
    at: Date.UTC(2026, 6, 1),
    approvals: createApprovals({
      settings: approvalsConfig.parse(settings),
      audit: { append: (event) => void events.push(event) },
      clock: () => made.at,
      asked: (approval) => void asked.push(approval),
    }),
  };
  return made;
}

function question(more: Partial<Question> & { readonly taskId?: string } = {}): Question {
  const { taskId = 'task_1', ...rest } = more;
  const task = { id: taskId, agent: 'local:dev', intent: 'triage', subject: undefined, expiresAt: Date.UTC(2026, 6, 2) } as unknown as Task;
  return { task, operation: 'api write /x', rule: 'careful', call: 'call_1', digest: 'd1', shown: 'POST /x', onGone: () => {}, ...rest };
}

async function answerTo(asking: ReturnType<Approvals['ask']>): Promise<string> {
  const answer = await asking;
  return isRefusal(answer) ? answer.refused : 'approved';
}

/** The id under which the one open question stands. */
function only({ approvals }: Bench): string {
  const [view, ...more] = approvals.list();
  assert.ok(view !== undefined && more.length === 0);
  return view.id;
}

test('a call is refused with a handle, allowed once, and then asked for anew', async () => {
  const b = bench();
  const refused = await b.approvals.ask(question());
  assert.ok(isRefusal(refused));
  assert.match(refused.detail ?? '', new RegExp(only(b)));
  assert.equal(await answerTo(b.approvals.ask(question())), 'approval_required');
  assert.equal(b.asked.length, 1);
  b.approvals.allow(only(b), 'approver', { uses: 1 });
  assert.equal(await answerTo(b.approvals.ask(question())), 'approved');
  assert.equal(await answerTo(b.approvals.ask(question())), 'approval_required');
  assert.deepEqual(
    b.events.map(({ kind }) => kind),
    ['approval.requested', 'privilege.changed', 'approval.requested'],
  );
});

test('a yes to what one policy asks is none to what another asks', async () => {
  const b = bench();
  await b.approvals.ask(question());
  b.approvals.allow(only(b), 'approver', { uses: 5 });
  assert.equal(await answerTo(b.approvals.ask(question({ rule: 'stricter' }))), 'approval_required');
  assert.equal(await answerTo(b.approvals.ask(question())), 'approved');
});

test('a yes is for one task and one digest', async () => {
  const b = bench();
  await b.approvals.ask(question());
  b.approvals.allow(only(b), 'approver', { uses: 5 });
  assert.equal(await answerTo(b.approvals.ask(question({ digest: 'd2' }))), 'approval_required');
  assert.equal(await answerTo(b.approvals.ask(question({ taskId: 'task_2' }))), 'approval_required');
  assert.equal(await answerTo(b.approvals.ask(question())), 'approved');
});

test('a yes and a no have an end', async () => {
  const b = bench({ grant_for: '5m', pending_for: '15m' });
  await b.approvals.ask(question());
  b.approvals.allow(only(b), 'approver', { uses: 5 });
  b.at += 300_000;
  assert.equal(await answerTo(b.approvals.ask(question())), 'approval_required');
  b.approvals.deny(only(b), 'approver');
  assert.equal(await answerTo(b.approvals.ask(question())), 'approval_denied');
  b.at += 900_000;
  assert.equal(await answerTo(b.approvals.ask(question())), 'approval_required');
});

test('a question that nobody has answered in time is gone', async () => {
  const b = bench({ pending_for: '1m' });
  await b.approvals.ask(question());
  const id = only(b);
  b.at += 60_000;
  assert.deepEqual(b.approvals.list(), []);
  const late = b.approvals.allow(id, 'approver', { uses: 1 });
  assert.ok(isRefusal(late));
  assert.equal(late.refused, 'not_found');
});

test('what was decided is not decided again', async () => {
  const b = bench();
  await b.approvals.ask(question());
  b.approvals.deny(only(b), 'approver');
  const again = b.approvals.allow(only(b), 'operator', { uses: 1 });
  assert.ok(isRefusal(again));
  assert.equal(again.refused, 'conflict');
});

test('a held call goes on when it is allowed, and is refused when it is denied', async () => {
  const b = bench({ hold: '1m' });
  const allowed = answerTo(b.approvals.ask(question()));
  b.approvals.allow(only(b), 'approver', { uses: 1 });
  assert.equal(await allowed, 'approved');
  const denied = answerTo(b.approvals.ask(question()));
  b.approvals.deny(only(b), 'approver');
  assert.equal(await denied, 'approval_denied');
});

test('one yes lets one of two held calls go', async () => {
  const b = bench({ hold: '1m' });
  const held = [b.approvals.ask(question()), b.approvals.ask(question())];
  b.approvals.allow(only(b), 'approver', { uses: 1 });
  assert.deepEqual(await Promise.all(held.map(answerTo)), ['approved', 'approval_required']);
});

test('a held call whose client leaves holds no place, and spends no yes', async () => {
  const b = bench({ hold: '1m', max_held: 1 });
  const leave: (() => void)[] = [];
  const held = answerTo(b.approvals.ask(question({ onGone: (listener) => void leave.push(listener) })));
  assert.equal(await answerTo(b.approvals.ask(question({ digest: 'd2' }))), 'approval_required');
  for (const each of leave) each();
  assert.equal(await held, 'client_gone');
  const next = answerTo(b.approvals.ask(question()));
  const id = b.approvals.list().find(({ digest }) => digest === 'd1')?.id ?? '';
  b.approvals.allow(id, 'approver', { uses: 1 });
  assert.equal(await next, 'approved');
});

test('the end of its task ends a held call, its questions and its grants', async () => {
  const b = bench({ hold: '1m' });
  const held = answerTo(b.approvals.ask(question()));
  const other = b.approvals.ask(question({ taskId: 'task_2' }));
  b.approvals.drop('task_1');
  assert.equal(await held, 'approval_required');
  assert.equal(b.approvals.list().length, 1);
  b.approvals.drop('task_2');
  await other;
});

test('a task has only so many open questions', async () => {
  const b = bench();
  for (let i = 0; i < 25; i += 1) await b.approvals.ask(question({ digest: `d${i}` }));
  assert.equal(b.approvals.list().length, 20);
  await b.approvals.ask(question({ taskId: 'task_2' }));
  assert.equal(b.approvals.list().length, 21);
});
