import type { State } from '../state.ts';
import { createCallBudget } from './budget.ts';
import { createAllowances } from './allowances.ts';
import { isAlive, liveTask, noteOf, recordOf, type LiveTask, type TaskNote, type TaskRecord } from './live.ts';
import { createSaver } from './saver.ts';

/**
 * How many ended tasks are kept for their reports, with how many names of operations in all, and how long. What the agent opens by itself
 * has room of its own: it cannot push out the reports of tasks that others opened.
 */
const quotas = { others: { tasks: 1000, operations: 50_000 }, own: { tasks: 200, operations: 10_000 } } as const;
const keptMs = 24 * 3_600_000;
/** On a full disk no task opens: no more can end than may be open, unless `max_open` was raised. */
const notedTasks = 1024;

/** All tasks, in memory and on disk. */
export interface Registry {
  find(id: string): LiveTask | undefined;
  all(): LiveTask[];
  /** Open and paused ones. */
  alive(): LiveTask[];
  /** On disk when it returns; throws, and there is no such task, when that fails. */
  add(id: string, record: TaskRecord): LiveTask;
  /** Written now, or as soon as the disk takes it; where access is taken away and the disk is full, at least as a note in the reserve. */
  changed(task: LiveTask): void;
  /** Its counts have moved; written soon. */
  touched(task: LiveTask): void;
  /** No more calls of this task: its exact count replaces the reserved one. */
  ended(task: LiveTask): void;
  /** Its leases are dealt with: from now on it is kept for its report only, for a while. */
  concluded(task: LiveTask): void;
  close(): void;
}

export interface RegistryOptions {
  readonly state: State;
  readonly clock: () => number;
  /** The task is kept no longer. */
  readonly forgotten: (task: LiveTask) => void;
}

export function createRegistry(options: RegistryOptions): Registry {
  const { state, clock, forgotten } = options;
  const records = state.records<TaskRecord>('task');
  const marks = state.records<number>('task_budget');
  const spent = state.records<number>('task_spent');
  const spentBefore = new Map(spent.all().map(({ id, value }) => [id, value]));
  const notes = state.reserve<TaskNote>('task', notedTasks);
  const saver = createSaver<LiveTask>({
    write(task) {
      records.put(task.id, recordOf(task));
      task.recorded = true;
      notes.delete(task.id);
    },
    note(task) {
      const note = noteOf(task);
      if (note !== undefined) notes.put(task.id, note);
      return note !== undefined;
    },
  });
  const tasks = new Map<string, LiveTask>();
  const reports = { others: [] as LiveTask[], own: [] as LiveTask[] };

  const reserved = new Map(marks.all().map(({ id, value }) => [id, value]));
  for (const { id, value } of records.all()) adopt(id, { ...value, calls: Math.max(value.calls, reserved.get(id) ?? 0) });
  const concluded = [...tasks.values()].filter(({ end }) => end?.leases !== undefined);
  for (const task of concluded.toSorted((a, b) => endedAt(a) - endedAt(b))) reports[shareOf(task)].push(task);
  for (const id of reserved.keys()) if (!tasks.has(id)) marks.delete(id);
  for (const { id, value } of notes.all()) takeUp(id, value);

  function adopt(id: string, record: TaskRecord): LiveTask {
    const limit = record.limit ?? Number.POSITIVE_INFINITY;
    const task = liveTask(id, record, {
      budget: createCallBudget({ limit, reserved: record.calls, save: (mark) => marks.put(id, mark) }),
      allowances: createAllowances({ limits: record.limits ?? {}, records: spent, marks: spentBefore, prefix: id, whose: "this task's" }),
    });
    tasks.set(id, task);
    return task;
  }

  /** A note may be older than the record: it only takes access away. */
  function takeUp(id: string, note: TaskNote): void {
    const task = tasks.get(id);
    if (task === undefined) return notes.delete(id);
    if (isAlive(task)) {
      task.state = note.state;
      task.end = note.end && { ...note.end, leases: undefined };
    }
    saver.soon(task);
  }

  function settle(task: LiveTask): void {
    task.budget.close();
    task.recorded = saver.now(task);
    try {
      task.allowances?.close();
    } catch {}
    if (!Number.isFinite(task.budget.limit)) return;
    // A mark that stays behind, because the disk is full, only says that more calls were made.
    try {
      marks.delete(task.id);
    } catch {}
  }

  function drop(task: LiveTask): void {
    tasks.delete(task.id);
    forgotten(task);
    try {
      records.delete(task.id);
      task.allowances?.forget();
    } catch {}
  }

  function prune(newest: LiveTask): void {
    const share = reports[shareOf(newest)];
    const quota = quotas[shareOf(newest)];
    let operations = share.reduce((sum, task) => sum + task.operations.size, 0);
    let gone = 0;
    for (const task of share) {
      const tooMany = share.length - gone > quota.tasks || (operations > quota.operations && task !== newest);
      if (!tooMany && endedAt(task) > clock() - keptMs) break;
      operations -= task.operations.size;
      gone += 1;
      drop(task);
    }
    share.splice(0, gone);
  }

  return {
    find: (id) => tasks.get(id),
    all: () => [...tasks.values()],
    alive: () => [...tasks.values()].filter((task) => isAlive(task)),
    add(id, record) {
      records.put(id, record);
      return adopt(id, record);
    },
    changed(task) {
      task.recorded = saver.now(task);
    },
    touched: (task) => saver.soon(task),
    ended: settle,
    concluded(task) {
      saver.now(task);
      reports[shareOf(task)].push(task);
      prune(task);
    },
    close() {
      for (const task of tasks.values()) if (isAlive(task)) settle(task);
      saver.close();
    },
  };
}

function shareOf({ origin }: LiveTask): keyof typeof quotas {
  return origin === 'orchestrator' ? 'others' : 'own';
}

function endedAt(task: LiveTask): number {
  return task.end?.at ?? 0;
}
