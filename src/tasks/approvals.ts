import type { AuditSink } from '../audit/audit.ts';
import { refuse, type Refusal } from '../errors.ts';
import { newId } from '../ids.ts';
import type { ApprovalControl, ApprovalGate, ApprovalView, Approved, Question } from './approval.ts';
import type { ApprovalsConfig } from './approval-settings.ts';

/** All approvals of a sidecar, in memory: what a restart loses is asked anew. */
export interface Approvals extends ApprovalGate, ApprovalControl {
  /** The task has ended: its questions and grants are gone, and who waits is refused. */
  drop(task: string): void;
  reconfigure(settings: ApprovalsConfig): void;
}

export interface ApprovalsOptions {
  readonly settings: ApprovalsConfig;
  readonly audit: Pick<AuditSink, 'append'>;
  readonly clock?: () => number;
  /** Told of each new question. */
  readonly asked: (approval: ApprovalView) => void;
}

interface Entry extends Omit<Question, 'onGone' | 'call'> {
  readonly id: string;
  readonly askedAt: number;
  state: ApprovalView['state'];
  expiresAt: number;
  usesLeft: number;
  decidedBy?: string;
  /** Calls that are held for it; woken when it is decided, or with a refusal. */
  readonly waiting: Set<(refusal?: Refusal) => void>;
}

const mostOfATask = 20;
const mostInAll = 1000;
const ended = 'The task ended before anyone had approved the operation. Open a new task for further calls.';

export function createApprovals({ settings: initial, audit, clock = Date.now, asked }: ApprovalsOptions): Approvals {
  let settings = initial;
  const byId = new Map<string, Entry>();
  const byKey = new Map<string, Entry>();
  let held = 0;

  function remove(entry: Entry, refusal?: Refusal): void {
    byId.delete(entry.id);
    byKey.delete(keyOf(entry));
    for (const wake of entry.waiting) wake(refusal);
  }

  function known(question: Question): Entry | undefined {
    const entry = byKey.get(keyOf(question));
    if (entry === undefined || clock() < entry.expiresAt) return entry;
    remove(entry);
    return undefined;
  }

  function open(question: Question): Entry | Refusal {
    for (const entry of byId.values()) if (clock() >= entry.expiresAt) remove(entry);
    const ofTask = [...byId.values()].filter(({ task }) => task.id === question.task.id);
    if (byId.size >= mostInAll || ofTask.length >= mostOfATask) {
      return refuse('approval_required', { detail: 'Too many operations wait for approval already. Finish those, then repeat the call.' });
    }
    const { task, operation, rule, digest, shown } = question;
    const now = clock();
    const expiresAt = Math.min(now + settings.pending_for, task.expiresAt);
    const entry: Entry = {
      id: newId('appr'),
      task,
      operation,
      rule,
      digest,
      shown,
      askedAt: now,
      state: 'pending',
      expiresAt,
      usesLeft: 0,
      waiting: new Set(),
    };
    byId.set(entry.id, entry);
    byKey.set(keyOf(entry), entry);
    const event = { approval: entry.id, task: task.id, call: question.call, operation, rule, digest, expires_at: expiresAt };
    void audit.append({ kind: 'approval.requested', ...event });
    asked(viewOf(entry));
    return entry;
  }

  /** The answer as things stand; undefined: none yet. */
  function answer(entry: Entry): Approved | Refusal | undefined {
    if (entry.state === 'denied') return refuse('approval_denied');
    if (entry.state === 'pending' || entry.usesLeft === 0) return undefined;
    entry.usesLeft -= 1;
    if (entry.usesLeft === 0) remove(entry);
    return { approval: entry.id };
  }

  function hold(entry: Entry, question: Question): Promise<Approved | Refusal> {
    held += 1;
    return new Promise((resolve) => {
      const wake = (refusal?: Refusal): void => {
        if (!entry.waiting.delete(wake)) return;
        clearTimeout(timer);
        held -= 1;
        resolve(refusal ?? answer(entry) ?? pending(entry));
      };
      const timer = setTimeout(() => wake(pending(entry)), Math.min(settings.hold, entry.expiresAt - clock())).unref();
      entry.waiting.add(wake);
      question.onGone(() => wake(refuse('client_gone')));
    });
  }

  function decide(id: string, change: (entry: Entry) => void): ApprovalView | Refusal {
    const entry = byId.get(id);
    if (entry === undefined || clock() >= entry.expiresAt) return refuse('not_found');
    if (entry.state !== 'pending') return refuse('conflict', { detail: `This question was ${entry.state} already.` });
    change(entry);
    const view = viewOf(entry);
    for (const wake of entry.waiting) wake();
    return view;
  }

  return {
    ask(question) {
      const entry = known(question) ?? open(question);
      if ('refused' in entry) return entry;
      return answer(entry) ?? (settings.hold > 0 && held < settings.max_held ? hold(entry, question) : pending(entry));
    },
    list: () => [...byId.values()].filter(({ expiresAt }) => clock() < expiresAt).map(viewOf),
    get(id) {
      const entry = byId.get(id);
      return entry && viewOf(entry);
    },
    allow: (id, by, { uses, forMs = settings.grant_for }) =>
      decide(id, (entry) => {
        const expiresAt = Math.min(clock() + forMs, entry.task.expiresAt);
        Object.assign(entry, { state: 'allowed', decidedBy: by, usesLeft: uses, expiresAt });
        const { task, operation, digest } = entry;
        const detail = `${operation}: ${uses} ${uses === 1 ? 'call' : 'calls'} until ${new Date(expiresAt).toISOString()}, allowed by ${by} (${entry.id})`;
        void audit.append({ kind: 'privilege.changed', change: 'approval', task: task.id, detail, digest });
      }),
    deny: (id, by) =>
      decide(id, (entry) => {
        Object.assign(entry, { state: 'denied', decidedBy: by, expiresAt: Math.min(clock() + settings.pending_for, entry.task.expiresAt) });
        const { task, operation, rule, digest } = entry;
        void audit.append({ kind: 'approval.denied', approval: id, task: task.id, operation, rule, digest, by });
      }),
    drop(task) {
      for (const entry of byId.values()) if (entry.task.id === task) remove(entry, refuse('approval_required', { detail: ended }));
    },
    reconfigure(next) {
      settings = next;
    },
  };
}

/** A yes to what one policy asked is none to what another asks. */
function keyOf({ task, digest, rule }: Pick<Question, 'task' | 'digest' | 'rule'>): string {
  return `${task.id} ${digest} ${rule}`;
}

function pending({ id, expiresAt }: Entry): Refusal {
  return refuse('approval_required', {
    detail: `This operation needs approval. It was asked for as ${id}; repeat the same call unchanged once it is allowed, before ${new Date(expiresAt).toISOString()}.`,
    retryAfterS: 10,
  });
}

function viewOf(entry: Entry): ApprovalView {
  const { id, state, task, operation, rule, digest, shown, askedAt, expiresAt, usesLeft, decidedBy } = entry;
  return {
    id,
    state,
    task: task.id,
    agent: task.agent,
    intent: task.intent,
    subject: task.subject ?? null,
    operation,
    rule,
    digest,
    shown,
    asked_at: new Date(askedAt).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
    uses_left: usesLeft,
    ...(decidedBy === undefined ? {} : { decided_by: decidedBy }),
  };
}
