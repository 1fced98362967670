import type { AuditEvent, AuditSink, TaskEvent } from '../audit/audit.ts';
import type { Lease, LeaseOutcome } from '../credentials/credential.ts';
import { refuse, type Refusal } from '../errors.ts';
import type { Principal } from '../identity/identity.ts';
import type { State } from '../state.ts';
import { createCredentialReader } from './authenticate.ts';
import { createOwnCeiling } from './ceiling.ts';
import { createDefaultTask } from './default-task.ts';
import { createEndings, type EndState } from './endings.ts';
import { createExpiry } from './expiry.ts';
import { createGate } from './gate.ts';
import { isAlive, type LiveTask } from './live.ts';
import { createOpening } from './opening.ts';
import { createRegistry } from './registry.ts';
import { createSharedAllowances } from './shared-allowances.ts';
import { reportOf, summaryOf } from './report.ts';
import type { TaskSettings } from './settings.ts';
import type { OpenRequest, Task, TaskControl, TaskGate, TaskReport } from './task.ts';

/** All tasks of the agent beside us. Opening and resuming need the disk and the audit log; what ends access waits for neither. */
export interface Tasks extends TaskGate, TaskControl, AsyncDisposable {
  /** The task of a listener of its own: it has no credential. */
  openBound(request: OpenRequest, by: string): Task | Refusal;
  /** Open or paused: credentials may be used and issued for it. */
  isOpen(id: string): boolean;
  /** Once, when the broker is ready: ends what expired while we were away, and revokes what is left of ended tasks. */
  start(): Promise<void>;
  /** For tasks to come; from running ones it can only take destinations away. */
  reconfigure(settings: TaskSettings): void;
}

export interface TasksDeps {
  readonly state: State;
  readonly audit: Pick<AuditSink, 'append' | 'failure'>;
  readonly agent: () => Principal | undefined;
  readonly leases: (taskId: string) => readonly Lease[];
  readonly revokeLeases: (taskId: string) => Promise<readonly LeaseOutcome[]>;
  /** `http://127.0.0.1:7070`, as the agent reaches it. */
  readonly proxyUrl: () => string;
  readonly clock?: () => number;
}

export function createTasks(initial: TaskSettings, deps: TasksDeps): Tasks {
  const { state, audit, leases, clock = Date.now } = deps;
  const agent = () => deps.agent()?.id;
  let settings = initial;

  const registry = createRegistry({ state, clock, forgotten: (task) => credentials.forget(task) });
  const credentials = createCredentialReader((id) => registry.find(id));
  const own = createOwnCeiling({ state, config: () => settings.tasks, clock });
  const shared = createSharedAllowances({ state, settings: () => settings, clock });
  const endings = createEndings({ clock, revokeLeases: deps.revokeLeases, leases, ended, concluded: (task) => registry.concluded(task) });
  const opening = createOpening({
    settings: () => settings,
    registry,
    own,
    agent,
    auditFailed: () => audit.failure !== undefined,
    append,
    opened(task, by) {
      log('task.opened', task, by);
      expiry.changed();
    },
    proxyUrl: deps.proxyUrl,
    clock,
  });
  const defaultTask = createDefaultTask({
    restored: registry.alive().find((task) => task.origin === 'default'),
    own,
    agent,
    clock,
    open: (intent) => opening.openDefault(intent),
    expire,
    complete: (task, by) => void complete(task, by),
  });
  const gate = createGate({
    find: (id) => registry.find(id),
    all: () => registry.all(),
    credentials,
    defaultTask() {
      const intent = settings.tasks.default_intent;
      return intent === undefined ? undefined : () => defaultTask.current(intent);
    },
    own,
    shared: (intent) => shared.of(intent),
    ceilings: () => settings.tasks,
    clock,
    expired: expire,
    touched: (task) => registry.touched(task),
    idle: (task) => endings.idle(task),
  });
  const expiry = createExpiry({ alive: () => registry.alive(), expire, clock });
  for (const task of registry.alive()) narrow(task);

  /** A failing log is sticky and refuses calls by itself: nothing here waits for it. */
  function append(event: AuditEvent): void {
    audit.append(event)?.catch(() => undefined);
  }

  function log(kind: TaskEvent['kind'], task: Task, by: string): void {
    const { id, agent: owner, subject, intent, origin, expiresAt } = task;
    append({ kind, task: id, agent: owner, subject, intent, origin, by, expires_at: expiresAt });
  }

  function ended(task: LiveTask, state: EndState): void {
    registry.ended(task);
    defaultTask.ended(task);
    log(`task.${state}`, task, task.end?.by ?? '');
    expiry.changed();
  }

  function expire(task: LiveTask): void {
    if (!isAlive(task)) return;
    keepPause(task, 'ttl');
    void endings.cut(task, 'expired', 'ttl');
  }

  function complete(task: LiveTask, by: string): Promise<void> {
    keepPause(task, by);
    return endings.complete(task, by, settings.tasks.drain);
  }

  /** Else the end of a paused task of the agent's own would lift the pause: by the agent, by time, or whatever brings the next default task. */
  function keepPause(task: Task, by: string): void {
    if (task.state !== 'paused' || task.origin === 'orchestrator' || by === 'operator' || by === 'orchestrator') return;
    block(task, 'a task of its own ended while it was paused');
  }

  function block(task: Task, reason: string): void {
    if (own.blocked) return;
    own.block();
    append({
      kind: 'privilege.changed',
      change: 'self_declared',
      task: task.id,
      detail: `the agent may open no tasks for itself: ${reason}`,
    });
  }

  function narrow(task: LiveTask): void {
    const intent = Object.hasOwn(settings.intents, task.intent) ? settings.intents[task.intent] : undefined;
    task.destinations = new Set(task.granted.filter((name) => intent?.destinations.includes(name)));
  }

  function turn(id: string, to: 'open' | 'paused', by: string): TaskReport | Refusal {
    const task = registry.find(id);
    if (task === undefined) return refuse('not_found');
    if (clock() >= task.expiresAt) expire(task);
    if (!isAlive(task)) return refuse('conflict', { detail: `The task has ended: it is ${task.state}.` });
    if (to === 'open' && audit.failure !== undefined) return refuse('audit_unavailable');
    if (task.state !== to) {
      task.state = to;
      registry.changed(task);
      log(to === 'paused' ? 'task.paused' : 'task.resumed', task, by);
    }
    return reportOf(task, leases(id));
  }

  async function end(id: string, how: (task: LiveTask) => Promise<void>): Promise<TaskReport | Refusal> {
    const task = registry.find(id);
    if (task === undefined) return refuse('not_found');
    await how(task);
    return reportOf(task, leases(id));
  }

  return {
    ...gate,
    open: (request, by) => opening.open(request, by),
    openBound: (request, by) => opening.openBound(request, by),
    holder: (presented) => credentials.route(presented),
    get: (id) => registry.find(id),
    report(id) {
      const task = registry.find(id);
      return task === undefined ? undefined : reportOf(task, leases(id));
    },
    list: () =>
      registry
        .all()
        .sort((a, b) => b.openedAt - a.openedAt)
        .map(summaryOf),
    pause: (id, by) => turn(id, 'paused', by),
    resume: (id, by) => turn(id, 'open', by),
    complete: (id, by) => end(id, (task) => complete(task, by)),
    revoke: (id, by) =>
      end(id, (task) => {
        block(task, `a task was revoked by ${by}`);
        return endings.cut(task, 'revoked', by);
      }),
    allow(by) {
      if (!own.blocked) return undefined;
      if (audit.failure !== undefined) return refuse('audit_unavailable');
      own.allow();
      append({ kind: 'privilege.changed', change: 'self_declared', detail: `the agent may open tasks for itself again: allowed by ${by}` });
      return undefined;
    },
    isOpen(id) {
      const task = registry.find(id);
      return task !== undefined && isAlive(task) && clock() < task.expiresAt;
    },
    get openCount() {
      return registry.alive().length;
    },
    async start() {
      const unfinished = registry.all().filter((task) => task.end !== undefined && task.end.leases === undefined);
      expiry.due();
      defaultTask.reconfigure(settings.tasks.default_intent);
      await Promise.all(unfinished.map((task) => endings.conclude(task)));
    },
    reconfigure(next) {
      settings = next;
      for (const task of registry.alive()) narrow(task);
      defaultTask.reconfigure(next.tasks.default_intent);
    },
    async [Symbol.asyncDispose]() {
      expiry.close();
      registry.close();
      own.close();
      shared.close();
    },
  };
}
