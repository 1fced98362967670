import type { Lease, LeaseOutcome } from '../credentials/credential.ts';
import type { ErrorCode } from '../errors.ts';
import type { LiveTask } from './live.ts';

export type EndState = 'completed' | 'expired' | 'revoked';

/** How tasks end. The first end counts; each promise settles when the leases of the task have been dealt with. Nothing here waits for disk or audit. */
export interface Endings {
  /** Refuses new calls at once, lets running ones go on for `drainMs`, cuts the rest, revokes. */
  complete(task: LiveTask, by: string, drainMs: number): Promise<void>;
  /** Cuts at once, also what is left to drain of a completed task, and revokes. */
  cut(task: LiveTask, state: 'expired' | 'revoked', by: string): Promise<void>;
  /** The last running call of a task has ended. */
  idle(task: LiveTask): void;
  /** Deals with the leases of a task that had ended when the process died. */
  conclude(task: LiveTask): Promise<void>;
}

export interface EndingsOptions {
  readonly clock: () => number;
  readonly revokeLeases: (taskId: string) => Promise<readonly LeaseOutcome[]>;
  readonly leases: (taskId: string) => readonly Lease[];
  /** Its state has changed just now. */
  readonly ended: (task: LiveTask, state: EndState) => void;
  /** Its leases have been dealt with just now. */
  readonly concluded: (task: LiveTask) => void;
}

const codes: Readonly<Record<EndState, ErrorCode>> = { completed: 'task_completed', expired: 'task_expired', revoked: 'task_revoked' };

interface Ending {
  readonly done: Promise<void>;
  /** Ends the drain. */
  readonly proceed: () => void;
}

export function createEndings(options: EndingsOptions): Endings {
  const { clock, revokeLeases, leases, ended, concluded } = options;
  const endings = new Map<LiveTask, Ending>();

  function close(task: LiveTask, state: EndState, by: string): void {
    task.state = state;
    task.end = { at: clock(), by, leases: undefined };
    ended(task, state);
  }

  function ending(task: LiveTask, start: (proceed: () => void) => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = promise.then(() => conclude(task)).finally(() => endings.delete(task));
    endings.set(task, { done, proceed: resolve });
    start(resolve);
    return done;
  }

  async function conclude(task: LiveTask): Promise<void> {
    const outcomes = await revokeLeases(task.id).catch(() => leases(task.id).map(pending));
    task.end = { at: task.end?.at ?? clock(), by: task.end?.by ?? 'restart', leases: outcomes };
    concluded(task);
  }

  return {
    complete(task, by, drainMs) {
      const started = endings.get(task);
      if (started !== undefined) return started.done;
      if (task.end !== undefined) return Promise.resolve();
      close(task, 'completed', by);
      return ending(task, (proceed) => {
        if (task.running.size === 0) return proceed();
        const timer = setTimeout(() => {
          cutRunning(task, 'task_completed');
          proceed();
        }, drainMs);
        void endings.get(task)?.done.finally(() => clearTimeout(timer));
      });
    },
    cut(task, state, by) {
      const started = endings.get(task);
      if (started === undefined && task.end !== undefined) return Promise.resolve();
      if (started === undefined) close(task, state, by);
      cutRunning(task, codes[state]);
      if (started === undefined) return ending(task, (proceed) => proceed());
      started.proceed();
      return started.done;
    },
    idle: (task) => endings.get(task)?.proceed(),
    conclude,
  };
}

/** One call that cannot be cut must not save the others. */
function cutRunning(task: LiveTask, code: ErrorCode): void {
  for (const call of task.running.members()) {
    try {
      call.cut(code);
    } catch {}
  }
}

function pending(lease: Lease): LeaseOutcome {
  const outcome = lease.unknown === true ? 'unknown' : 'pending';
  return { lease: lease.id, destination: lease.destination, outcome, deadBy: lease.expiresAt };
}
