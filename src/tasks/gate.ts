import type { Caller } from '../call.ts';
import { refuse, type ErrorCode, type Refusal } from '../errors.ts';
import { isPlaceholder } from '../placeholder.ts';
import type { Allowances } from './allowances.ts';
import type { CredentialReader } from './authenticate.ts';
import type { OwnCeiling } from './ceiling.ts';
import type { LiveTask } from './live.ts';
import type { TasksConfig } from './settings.ts';
import type { RunningCall, Task, TaskGate, TaskState } from './task.ts';

export interface GateOptions {
  readonly find: (id: string) => LiveTask | undefined;
  readonly all: () => readonly LiveTask[];
  readonly credentials: CredentialReader;
  /** Where there is one, calls run in the default task and no task credential is taken. */
  readonly defaultTask: () => (() => Task | Refusal) | undefined;
  readonly own: OwnCeiling;
  readonly ceilings: () => Pick<TasksConfig, 'max_running' | 'max_running_per_task'>;
  /** What the agent's own tasks of an intent may use together. */
  readonly shared: (intent: string) => Allowances | undefined;
  readonly clock: () => number;
  readonly expired: (task: LiveTask) => void;
  readonly touched: (task: LiveTask) => void;
  readonly idle: (task: LiveTask) => void;
}

const refusals: Readonly<Record<TaskState, ErrorCode | undefined>> = {
  open: undefined,
  paused: 'task_paused',
  completed: 'task_completed',
  expired: 'task_expired',
  revoked: 'task_revoked',
};

/** The hot path of tasks: no promise, no timer, and no disk but for one call in a block of reserved ones. */
export function createGate(options: GateOptions): TaskGate {
  const { find, credentials, own, clock } = options;
  const takenFrom = new WeakMap<RunningCall, Allowances>();
  let running = 0;

  /** The state is read anew each time; a task whose time is over ends here if its timer has not come to it yet. */
  function refusedByState(task: LiveTask): Refusal | undefined {
    if (clock() >= task.expiresAt) options.expired(task);
    const code = refusals[task.state];
    return code === undefined ? undefined : refuse(code);
  }

  function refusedByLoad(task: LiveTask): Refusal | undefined {
    const { max_running: inAll, max_running_per_task: perTask } = options.ceilings();
    return running < inAll && task.running.size < perTask ? undefined : refuse('overloaded', { retryAfterS: 1 });
  }

  return {
    authenticate(caller: Caller) {
      const { door, presented } = caller;
      if (caller.bound !== undefined) return refusedByListener(caller) ?? find(caller.bound.task) ?? refuse('task_credential_refused');
      const defaultTask = options.defaultTask();
      if (defaultTask !== undefined) {
        if (presented === undefined) return caller.foreignPage ? refuse('origin_refused') : defaultTask();
        return refuse('task_credential_refused', {
          detail: 'Calls here run in the default task. Send no task credential and no API key of your own.',
        });
      }
      if (presented === undefined) return door === 'forward' ? refuse('task_credential_missing') : refuse('task_credential_refused');
      const task = door === 'route' ? credentials.route(presented) : credentials.forward(presented);
      return task ?? refuse(door === 'forward' ? 'task_credential_unknown' : 'task_credential_refused');
    },
    check(task, destination) {
      const live = find(task.id);
      if (live === undefined) return refuse('task_credential_refused');
      return refusedByState(live) ?? (live.destinations.has(destination) ? undefined : outside(live.destinations));
    },
    begin(task, { operation, charge }, call) {
      const live = find(task.id);
      if (live === undefined) return refuse('task_credential_refused');
      const isOwn = live.origin !== 'orchestrator';
      const refusal = refusedByState(live) ?? refusedByLoad(live) ?? refusedByBudget(live) ?? (isOwn ? own.spent() : undefined);
      if (refusal !== undefined) return refusal;
      const shared = isOwn ? options.shared(live.intent) : undefined;
      const short = live.allowances?.refusal(charge) ?? shared?.refusal(charge);
      if (short !== undefined) return short;
      // Should the second reservation fail, the first has lost a call, which is allowed; none is given back.
      if (isOwn) own.calls.take();
      live.budget.take();
      live.allowances?.take(charge);
      shared?.take(charge);
      if (shared !== undefined) takenFrom.set(call, shared);
      live.operations.count(operation);
      live.running.add(call);
      running += 1;
      options.touched(live);
      return undefined;
    },
    end(task, call, { charge, spent }) {
      running -= 1;
      // What was taken of another hour is not given back to this one.
      const shared = task.origin === 'orchestrator' ? undefined : options.shared(task.intent);
      shared?.settle(shared === takenFrom.get(call) ? charge : {}, spent);
      const live = find(task.id);
      live?.allowances?.settle(charge, spent);
      if (live === undefined || !live.running.delete(call)) return;
      if (live.end !== undefined && live.running.size === 0) options.idle(live);
    },
    running: () => options.all().flatMap((task) => task.running.members()),
    planned: (task, operation) => task.plan.size === 0 || task.plan.has(operation),
  };
}

/** Where the listener is the task, whoever presents something takes it for another door. */
function refusedByListener({ door, presented, bound, foreignPage }: Caller): Refusal | undefined {
  // A page cannot make its browser take this listener for a proxy; the command may be a browser.
  if (foreignPage && door === 'route') return refuse('origin_refused');
  if (bound?.stranger === true) {
    return refuse('task_credential_refused', {
      detail: "This listener is one user's task, and the call came from another user's process.",
    });
  }
  if (presented === undefined || (door === 'route' && isPlaceholder(presented))) return undefined;
  return refuse('task_credential_refused', {
    detail: 'Calls here run in the task of this listener. Send no task credential and no API key of your own.',
  });
}

function refusedByBudget(task: LiveTask): Refusal | undefined {
  if (task.budget.left > 0) return undefined;
  if (task.origin === 'default')
    return refuse('budget_spent', {
      detail: "The default task's budget is spent. Repeat the call: it will run in the next one.",
      retryAfterS: 1,
    });
  return refuse('budget_spent', {
    detail: `All ${task.budget.limit} calls of this task's budget are used. Finish with what you have, or ask for a task with a larger budget.`,
  });
}

const mostNamed = 12;

/** Names of the configuration: what is there instead. */
function outside(destinations: ReadonlySet<string>): Refusal {
  const named = [...destinations].slice(0, mostNamed).join(', ');
  const more = destinations.size > mostNamed ? ' and more' : '';
  return refuse('destination_outside_intent', {
    detail: `This destination is not part of the task's intent${named === '' ? '' : `, which has ${named}${more}`}. For more, ask whoever opened the task for another intent.`,
  });
}
