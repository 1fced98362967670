import { hash, randomBytes } from 'node:crypto';
import type { AuditEvent } from '../audit/audit.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { newId } from '../ids.ts';
import { Secret } from '../secret.ts';
import type { OwnCeiling } from './ceiling.ts';
import { termsFor } from './envelope.ts';
import type { LiveTask } from './live.ts';
import type { Registry } from './registry.ts';
import type { TaskSettings } from './settings.ts';
import type { OpenedTask, OpenRequest, TaskOrigin } from './task.ts';

/** How tasks come to be, by whichever way. */
export interface Opening {
  open(request: OpenRequest, by: 'orchestrator' | 'agent'): OpenedTask | Refusal;
  /** Without a credential: it is the task of one listener, and whoever set that up stated the intent. */
  openBound(request: OpenRequest, by: string): LiveTask | Refusal;
  /** Without a credential: it is the task of every listener. */
  openDefault(intent: string): LiveTask | Refusal;
}

export interface OpeningOptions {
  readonly settings: () => TaskSettings;
  readonly registry: Registry;
  readonly own: OwnCeiling;
  /** Principal id of the agent beside us; undefined while it has no valid proof. */
  readonly agent: () => string | undefined;
  readonly auditFailed: () => boolean;
  readonly append: (event: AuditEvent) => void;
  readonly opened: (task: LiveTask, by: string) => void;
  readonly proxyUrl: () => string;
  readonly clock: () => number;
}

export function createOpening(options: OpeningOptions): Opening {
  const { settings, registry, own, agent, clock } = options;

  function refusedTo(origin: TaskOrigin): Refusal | undefined {
    const { default_intent: defaultIntent, self_declared: selfDeclared, max_open: maxOpen } = settings().tasks;
    const alive = registry.alive();
    if (options.auditFailed()) return refuse('audit_unavailable');
    if (alive.length >= maxOpen)
      return refuse('overloaded', { detail: `${alive.length} tasks are open. Complete some first.`, retryAfterS: 60 });
    if (origin !== 'default' && defaultIntent !== undefined) {
      return refuse('conflict', { detail: 'Calls here run in the default task; no task credentials are taken, so none are handed out.' });
    }
    if (origin === 'orchestrator') return undefined;
    if (origin === 'self_declared' && selfDeclared === undefined) {
      return refuse('self_declared_refused', { detail: 'The agent may not open tasks for itself. Ask an orchestrator to open one.' });
    }
    return own.room(alive.filter((task) => task.origin !== 'orchestrator'));
  }

  function make(request: OpenRequest, origin: TaskOrigin, secretHash?: string): LiveTask | Refusal {
    const principal = agent();
    if (principal === undefined) return refuse('identity_unavailable');
    const terms = refusedTo(origin) ?? termsFor(settings(), request);
    if (isRefusal(terms)) return terms;
    const openedAt = clock();
    return registry.add(newId('task'), {
      intent: request.intent,
      origin,
      agent: principal,
      // A default task's intent is stated by the configuration: by nobody who knows what the agent is doing now.
      attested: origin === 'orchestrator',
      openedAt,
      expiresAt: openedAt + terms.ttlMs,
      state: 'open',
      granted: terms.destinations,
      plan: [...new Set(terms.plan)],
      secretHash,
      limit: Number.isFinite(terms.calls) ? terms.calls : undefined,
      calls: 0,
      limits: terms.limits,
      executed: [],
    });
  }

  return {
    open(request, by) {
      const secret = randomBytes(32).toString('base64url');
      const task = make(request, by === 'agent' ? 'self_declared' : by, hash('sha256', secret, 'base64url'));
      if (isRefusal(task)) {
        options.append({ kind: 'task.refused', agent: agent(), by, code: task.refused });
        return task;
      }
      options.opened(task, by);
      const url = new URL(options.proxyUrl());
      return {
        task,
        credential: new Secret(`${task.id}.${secret}`),
        proxyUrl: new Secret(`${url.protocol}//${task.id}:${secret}@${url.host}`),
      };
    },
    openBound(request, by) {
      const task = make(request, 'orchestrator');
      if (isRefusal(task)) options.append({ kind: 'task.refused', agent: agent(), by, code: task.refused });
      else options.opened(task, by);
      return task;
    },
    openDefault(intent) {
      const task = make({ intent }, 'default');
      if (!isRefusal(task)) options.opened(task, 'default');
      return task;
    },
  };
}
