import { createHash, randomBytes } from 'node:crypto';
import type { AuditSink, TaskEvent } from '../audit/audit.ts';
import type { Lease, LeaseOutcome } from '../credentials/credential.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Principal } from '../identity/identity.ts';
import { newId } from '../ids.ts';
import { Secret } from '../secret.ts';
import type { State } from '../state.ts';
import { createCredentialReader } from './authenticate.ts';
import { createOwnCeiling } from './ceiling.ts';
import { createEndings } from './endings.ts';
import { termsFor, type OpenRequest } from './envelope.ts';
import { createGate } from './gate.ts';
import { isAlive, type LiveTask } from './live.ts';
import { createRegistry } from './registry.ts';
import { reportOf, type TaskReport } from './report.ts';
import type { TaskSettings } from './settings.ts';
import type { Task, TaskGate, TaskOrigin } from './task.ts';

/** The clock may be set, and a laptop sleeps: no timer trusts the time to pass by itself for longer than this. */
const longestTimerMs = 15_000;

/** Who asks for a change. */
export type Role = 'operator' | 'orchestrator' | 'agent';

export interface OpenedTask {
  readonly task: Task;
  /** `<id>.<secret>`: for `Exeat-Task` and clients that send an API key. */
  readonly credential: Secret;
  /** The proxy URL that carries the credential. */
  readonly proxyUrl: Secret;
}

/** All tasks of the agent beside us. Ends and cuts never wait for disk, audit or network; opening and resuming do. */
export interface Tasks extends TaskGate, AsyncDisposable {
  /** The credential is handed out here and never again; only its digest is kept. */
  open(request: OpenRequest, by: 'orchestrator' | 'agent'): OpenedTask | Refusal;
  /** The task whose credential an `Authorization` field of the control API holds. */
  holder(presented: string): Task | undefined;
  get(id: string): Task | undefined;
  report(id: string): TaskReport | undefined;
  /** Newest first; ended ones too, for a while. */
  list(): readonly TaskReport[];
  pause(id: string, by: Role): TaskReport | Refusal;
  resume(id: string, by: Role): TaskReport | Refusal;
  /** Idempotent, as is `revoke`: a task that has ended answers with its report. */
  complete(id: string, by: string): Promise<TaskReport | Refusal>;
  /** Also keeps the agent from opening tasks for itself until `allow`. */
  revoke(id: string, by: string): Promise<TaskReport | Refusal>;
  allow(by: Role): void;
  /** Open or paused: credentials may be used and issued for it. */
  isOpen(id: string): boolean;
  readonly openCount: number;
  /** Once, when the broker is ready: ends what expired while we were away and revokes what is left of ended tasks. */
  start(): Promise<void>;
  /** Takes a new configuration for tasks to come; from running ones it can only take destinations away. */
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
  const { state, audit, agent, leases, clock = Date.now } = deps;
  let settings = initial;
  let defaultTask: LiveTask | undefined;
  let timer: NodeJS.Timeout | undefined;
  const registry = createRegistry({ state, clock, forgotten: (task) => credentials.forget(task) });
  const credentials = createCredentialReader((id) => registry.find(id));
  const own = createOwnCeiling({ state, config: () => settings.tasks, clock });
  const endings = createEndings({ clock, revokeLeases: deps.revokeLeases, leases, ended, concluded: (task) => registry.concluded(task) });
  const gate = createGate({
    find: (id) => registry.find(id),
    credentials,
    hasDefaultTask: () => settings.tasks.default_intent !== undefined,
    defaultTask: currentDefaultTask,
    agent: () => agent()?.id,
    own,
    clock,
    expired: expire,
    touched: (task) => registry.touched(task),
    idle: (task) => endings.idle(task),
  });

  for (const task of registry.alive()) narrow(task);
  defaultTask = registry.alive().find((task) => task.origin === 'default');

  function log(event: TaskEvent['kind'], task: Task, by: string): void {
    const { id, agent, subject, intent, origin, expiresAt } = task;
    append({ kind: event, task: id, agent, subject, intent, origin, by, expires_at: expiresAt });
  }

  /** A failing log is sticky and refuses calls by itself: nothing here waits for it. */
  function append(event: Parameters<AuditSink['append']>[0]): void {
    audit.append(event)?.catch(() => undefined);
  }

  function ended(task: LiveTask): void {
    registry.ended(task);
    if (task === defaultTask) defaultTask = undefined;
    log(`task.${task.state as 'completed' | 'expired' | 'revoked'}`, task, task.end?.by ?? '');
    schedule();
  }

  function expire(task: LiveTask): void {
    if (!isAlive(task)) return;
    // Else waiting for the end of a paused default task would lift the pause.
    if (task.origin === 'default' && task.state === 'paused') block(task, 'its default task expired while it was paused');
    void endings.cut(task, 'expired', 'ttl');
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

  function schedule(): void {
    clearTimeout(timer);
    const next = Math.min(...registry.alive().map((task) => task.expiresAt));
    if (next === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(expireDue, Math.min(longestTimerMs, Math.max(0, next - clock()))).unref();
  }

  function expireDue(): void {
    const now = clock();
    for (const task of registry.alive()) if (now >= task.expiresAt) expire(task);
    schedule();
  }

  function narrow(task: LiveTask): void {
    const intent = Object.hasOwn(settings.intents, task.intent) ? settings.intents[task.intent] : undefined;
    task.destinations = new Set(task.granted.filter((name) => intent?.destinations.includes(name)));
  }

  /** Everything that can be said against one more task, whoever asks. */
  function admit(request: OpenRequest, origin: TaskOrigin): Refusal | ReturnType<typeof make> {
    const alive = registry.alive();
    const principal = agent();
    if (audit.failure !== undefined) return refuse('audit_unavailable');
    if (principal === undefined) return refuse('identity_unavailable');
    if (alive.length >= settings.tasks.max_open)
      return refuse('overloaded', { detail: `${alive.length} tasks are open. Complete some first.`, retryAfterS: 60 });
    const refusal = origin === 'orchestrator' ? undefined : own.room(alive.filter((task) => task.origin !== 'orchestrator').length);
    if (refusal !== undefined) return refusal;
    const terms = termsFor(settings, request);
    return isRefusal(terms) ? terms : make({ ...request, ...terms, origin, agent: principal.id });
  }

  function make(given: {
    intent: string;
    origin: TaskOrigin;
    agent: string;
    destinations: readonly string[];
    plan: readonly string[];
    ttlMs: number;
    calls: number;
  }) {
    const secret = randomBytes(32).toString('base64url');
    const openedAt = clock();
    const task = registry.add(newId('task'), {
      intent: given.intent,
      origin: given.origin,
      agent: given.agent,
      attested: given.origin === 'orchestrator',
      openedAt,
      expiresAt: openedAt + given.ttlMs,
      state: 'open',
      granted: given.destinations,
      plan: [...new Set(given.plan)],
      secretHash: given.origin === 'default' ? undefined : createHash('sha256').update(secret).digest('base64url'),
      limit: Number.isFinite(given.calls) ? given.calls : undefined,
      calls: 0,
      executed: [],
    });
    schedule();
    return { task, secret };
  }

  function currentDefaultTask(): Task | Refusal {
    const present = defaultTask;
    if (present !== undefined && clock() >= present.expiresAt) expire(present);
    else if (present !== undefined && present.state === 'open' && present.budget.left === 0)
      void endings.complete(present, 'budget', settings.tasks.drain);
    if (defaultTask !== undefined) return defaultTask;
    if (own.blocked) return refuse('task_revoked');
    const made = admit({ intent: settings.tasks.default_intent ?? '' }, 'default');
    if (isRefusal(made)) return made;
    defaultTask = made.task;
    log('task.opened', made.task, 'default');
    return made.task;
  }

  function open(request: OpenRequest, by: 'orchestrator' | 'agent'): OpenedTask | Refusal {
    const made = refusedToOpen(by) ?? admit(request, by === 'agent' ? 'self_declared' : by);
    if (isRefusal(made)) {
      append({ kind: 'task.refused', agent: agent()?.id, by, code: made.refused });
      return made;
    }
    const { task, secret } = made;
    log('task.opened', task, by);
    const url = new URL(deps.proxyUrl());
    return {
      task,
      credential: new Secret(`${task.id}.${secret}`),
      proxyUrl: new Secret(`${url.protocol}//${task.id}:${secret}@${url.host}`),
    };
  }

  function refusedToOpen(by: 'orchestrator' | 'agent'): Refusal | undefined {
    const { default_intent: defaultIntent, self_declared: selfDeclared } = settings.tasks;
    if (defaultIntent !== undefined)
      return refuse('conflict', { detail: 'Calls here run in the default task; no task credentials are taken, so none are handed out.' });
    if (by === 'agent' && selfDeclared === undefined)
      return refuse('self_declared_refused', { detail: 'The agent may not open tasks for itself. Ask an orchestrator to open one.' });
    return undefined;
  }

  function turn(id: string, [from, to]: readonly ['open', 'paused'] | readonly ['paused', 'open'], by: Role): TaskReport | Refusal {
    const task = registry.find(id);
    if (task === undefined) return refuse('not_found');
    if (clock() >= task.expiresAt) expire(task);
    if (!isAlive(task)) return refuse('conflict', { detail: `The task has ended (${task.state}).` });
    if (to === 'open' && audit.failure !== undefined) return refuse('audit_unavailable');
    if (task.state === from) {
      task.state = to;
      registry.changed(task);
      log(to === 'paused' ? 'task.paused' : 'task.resumed', task, by);
    }
    return reportOf(task, leases(id));
  }

  async function ending(id: string, end: (task: LiveTask) => Promise<void>): Promise<TaskReport | Refusal> {
    const task = registry.find(id);
    if (task === undefined) return refuse('not_found');
    await end(task);
    return reportOf(task, leases(id));
  }

  return {
    ...gate,
    open,
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
        .map((task) => reportOf(task, leases(task.id))),
    pause: (id, by) => turn(id, ['open', 'paused'], by),
    resume: (id, by) => turn(id, ['paused', 'open'], by),
    complete: (id, by) => ending(id, (task) => endings.complete(task, by, settings.tasks.drain)),
    revoke: (id, by) =>
      ending(id, (task) => {
        block(task, `a task was revoked by ${by}`);
        return endings.cut(task, 'revoked', by);
      }),
    allow(by) {
      if (!own.blocked) return;
      own.allow();
      append({ kind: 'privilege.changed', change: 'self_declared', detail: `the agent may open tasks for itself again: allowed by ${by}` });
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
      expireDue();
      await Promise.all(unfinished.map((task) => endings.conclude(task)));
    },
    reconfigure(next) {
      settings = next;
      for (const task of registry.alive()) narrow(task);
      if (defaultTask !== undefined && defaultTask.intent !== next.tasks.default_intent)
        void endings.complete(defaultTask, 'reload', next.tasks.drain);
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      registry.close();
      own.close();
    },
  };
}
