import { refuse, type Refusal } from '../errors.ts';
import type { State } from '../state.ts';
import { createSaver } from './saver.ts';
import { agentCeiling, type TasksConfig } from './settings.ts';
import type { Task } from './task.ts';
import { createCallWindow, type CallWindow, type WindowRecord } from './window.ts';

/** What the agent may do by itself: shared by its self-declared tasks and the default task. One sidecar, one agent, one ceiling. */
export interface OwnCeiling {
  readonly calls: CallWindow;
  /** Since a task was revoked, or one of its own ended while it was paused, until an orchestrator or operator allows it again. */
  readonly blocked: boolean;
  block(): void;
  allow(): void;
  /** May the agent, with these tasks of its own open or paused, have one more? */
  room(alive: readonly Task[]): Refusal | undefined;
  /** No call is possible until some of the last hour's have fallen out of it. */
  spent(): Refusal | undefined;
  close(): void;
}

export interface CeilingOptions {
  readonly state: State;
  readonly config: () => TasksConfig;
  readonly clock: () => number;
}

const blockedDetail =
  'A task was revoked, or ended while it was paused. The agent may open no tasks for itself until an orchestrator or operator allows it again.';
const pausedDetail =
  "A task of the agent's own is paused. The agent may open no other until an orchestrator or operator resumes it, or ends it.";

export function createOwnCeiling(options: CeilingOptions): OwnCeiling {
  const { state, config, clock } = options;
  const windows = state.records<WindowRecord>('agent_calls');
  const blocks = state.records<boolean>('agent_blocked');
  const notes = state.reserve<true>('agent_blocked', 1);
  const calls = createCallWindow({
    limit: () => agentCeiling(config()).calls_per_hour,
    saved: windows.all()[0]?.value,
    save: (record) => windows.put('window', record),
    clock,
  });
  let blocked = notes.all().length > 0 || (blocks.all()[0]?.value ?? false);
  const saver = createSaver<'blocked'>({
    write() {
      blocks.put('blocked', blocked);
      notes.delete('blocked');
    },
    note() {
      if (blocked) notes.put('blocked', true);
      return blocked;
    },
  });

  function set(value: boolean): void {
    blocked = value;
    saver.now('blocked');
  }

  return {
    calls,
    get blocked() {
      return blocked;
    },
    block: () => set(true),
    allow: () => set(false),
    room(alive) {
      if (blocked) return refuse('self_declared_refused', { detail: blockedDetail });
      if (alive.some(({ state: now }) => now === 'paused')) return refuse('self_declared_refused', { detail: pausedDetail });
      const most = agentCeiling(config()).max_open;
      if (alive.length < most) return undefined;
      return refuse('self_declared_refused', {
        detail: `The agent has ${alive.length} open tasks of its own, and may have ${most}. Complete one first.`,
      });
    },
    spent() {
      if (calls.left() > 0) return undefined;
      const retryAfterS = calls.retryAfterS();
      const minutes = Math.ceil(retryAfterS / 60);
      return refuse('budget_spent', {
        detail: `The agent's own ceiling of ${agentCeiling(config()).calls_per_hour} calls an hour is reached. The next calls are possible in ${minutes} min.`,
        retryAfterS,
      });
    },
    close() {
      saver.close();
      calls.close();
    },
  };
}
