import type { LeaseOutcome } from '../credentials/credential.ts';
import type { Allowances } from './allowances.ts';
import type { CallBudget } from './budget.ts';
import type { Limits } from './limits.ts';
import { createOperationLedger, type OperationCount, type OperationLedger } from './operations.ts';
import { Roster } from './roster.ts';
import type { RunningCall, Task } from './task.ts';

/** How a task ended and what became of its leases. */
export interface TaskEnd {
  readonly at: number;
  readonly by: string;
  /** undefined: its leases are not yet dealt with. */
  readonly leases: readonly LeaseOutcome[] | undefined;
}

/** A task as the store keeps it; to everyone else it is a `Task`. */
export interface LiveTask extends Task {
  state: Task['state'];
  destinations: ReadonlySet<string>;
  end: TaskEnd | undefined;
  /** Its state is on disk. */
  recorded: boolean;
  /** Destinations of the intent when the task was opened: a reload may take some away, and give these back, but never more. */
  readonly granted: readonly string[];
  /** SHA-256 of the credential's secret; undefined for a default task, which has none. */
  readonly secretHash: Buffer | undefined;
  readonly limits: Limits | undefined;
  readonly budget: CallBudget;
  /** undefined: only calls are limited, if anything. */
  readonly allowances: Allowances | undefined;
  readonly operations: OperationLedger;
  readonly running: Roster<RunningCall>;
}

/** A task as it is written down. */
export interface TaskRecord extends Omit<Task, 'id' | 'destinations' | 'plan' | 'subject'> {
  readonly subject?: string | undefined;
  readonly granted: readonly string[];
  readonly plan: readonly string[];
  readonly secretHash?: string | undefined;
  /** Absent = no budget. */
  readonly limit?: number | undefined;
  readonly calls: number;
  readonly limits?: Limits | undefined;
  readonly executed: readonly OperationCount[];
  readonly end?: TaskEnd | undefined;
}

/** The least of a record, for a reserve. */
export interface TaskNote {
  readonly state: Task['state'];
  readonly end?: Pick<TaskEnd, 'at' | 'by'>;
}

export function liveTask(id: string, record: TaskRecord, { budget, allowances }: Pick<LiveTask, 'budget' | 'allowances'>): LiveTask {
  const plan = new Set(record.plan);
  return {
    id,
    intent: record.intent,
    origin: record.origin,
    agent: record.agent,
    subject: record.subject,
    attested: record.attested,
    openedAt: record.openedAt,
    expiresAt: record.expiresAt,
    plan,
    state: record.state,
    destinations: new Set(record.granted),
    end: record.end,
    recorded: true,
    granted: record.granted,
    secretHash: record.secretHash === undefined ? undefined : Buffer.from(record.secretHash, 'base64url'),
    limits: record.limits,
    budget,
    allowances,
    operations: createOperationLedger(plan, record.executed),
    running: new Roster(),
  };
}

export function recordOf(task: LiveTask): TaskRecord {
  const { intent, origin, agent, subject, attested, openedAt, expiresAt, state, end, granted, budget } = task;
  return {
    intent,
    origin,
    agent,
    subject,
    attested,
    openedAt,
    expiresAt,
    state,
    end,
    granted,
    plan: [...task.plan],
    secretHash: task.secretHash?.toString('base64url'),
    limit: Number.isFinite(budget.limit) ? budget.limit : undefined,
    calls: budget.used,
    limits: task.limits,
    executed: task.operations.executed(),
  };
}

/** What has to outlive the process of a task that is not open any more; undefined for one that is. */
export function noteOf({ state, end }: LiveTask): TaskNote | undefined {
  if (state === 'open') return undefined;
  return { state, ...(end === undefined ? {} : { end: { at: end.at, by: end.by } }) };
}

/** Open or paused. Whether its time is over is for who asks to see to. */
export function isAlive(task: Task): boolean {
  return task.state === 'open' || task.state === 'paused';
}
