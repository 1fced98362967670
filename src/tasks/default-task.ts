import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { OwnCeiling } from './ceiling.ts';
import type { LiveTask } from './live.ts';

/** The task in which calls without a credential run, one after the other. */
export interface DefaultTask {
  /** The present one, or the next when that has come to its ceiling. */
  current(intent: string): LiveTask | Refusal;
  /** Another intent, or none, is the default one now. */
  reconfigure(intent: string | undefined): void;
  ended(task: LiveTask): void;
}

export interface DefaultTaskOptions {
  /** One that has survived a restart. */
  readonly restored: LiveTask | undefined;
  readonly own: OwnCeiling;
  /** Principal id of the agent beside us. */
  readonly agent: () => string | undefined;
  readonly clock: () => number;
  readonly open: (intent: string) => LiveTask | Refusal;
  readonly expire: (task: LiveTask) => void;
  readonly complete: (task: LiveTask, by: string) => void;
}

export function createDefaultTask(options: DefaultTaskOptions): DefaultTask {
  const { own, agent, clock } = options;
  let present = options.restored;

  function retire(task: LiveTask): void {
    if (clock() >= task.expiresAt) options.expire(task);
    else if (task.agent !== (agent() ?? task.agent)) options.complete(task, 'identity');
    else if (task.state === 'open' && task.budget.left === 0) options.complete(task, 'budget');
  }

  return {
    current(intent) {
      if (present !== undefined) retire(present);
      if (present !== undefined) return present;
      if (own.blocked) return refuse('task_revoked');
      const next = options.open(intent);
      if (!isRefusal(next)) present = next;
      return next;
    },
    reconfigure(intent) {
      if (present !== undefined && present.intent !== intent) options.complete(present, 'reload');
    },
    ended(task) {
      if (task === present) present = undefined;
    },
  };
}
