import { duration, z } from '../settings.ts';
import { budget } from './limits.ts';

/** One entry of the intent catalogue: what a task may be for, and its ceilings. */
export const intentConfig = z.strictObject({
  description: z.string().min(1).max(1000),
  /** Names of destinations; nothing else is within reach of such a task. */
  destinations: z.array(z.string().min(1)).min(1),
  max_ttl: duration.optional(),
  budget: budget.optional(),
});

/** What the agent may do by itself; shared by its self-declared tasks and the default task. */
const selfDeclared = z.strictObject({
  max_open: z.number().int().positive().default(2),
  calls_per_hour: z.number().int().positive().max(1_000_000_000).default(1000),
});

/** The `tasks:` key. Without `self_declared` the agent opens no tasks; a default task then has that key's defaults as its ceiling. */
export const tasksConfig = z.strictObject({
  default_ttl: duration.prefault('15m'),
  max_ttl: duration.prefault('1h'),
  /** How long running calls may go on after `complete`. */
  drain: duration.prefault('5s'),
  self_declared: selfDeclared.optional(),
  /** For agents without an orchestrator: calls without a credential run in a task of this intent, and no task credential is taken. */
  default_intent: z.string().min(1).optional(),
  /** Open and paused tasks, whoever opened them. */
  max_open: z.number().int().positive().default(1000),
  /** Calls that run at the same time, of all tasks together and of each. */
  max_running: z.number().int().positive().default(4000),
  max_running_per_task: z.number().int().positive().default(2000),
  /** Folder of what outlives the process. */
  state: z.string().min(1).optional(),
});

export type IntentConfig = z.output<typeof intentConfig>;
export type TasksConfig = z.output<typeof tasksConfig>;
export type AgentCeiling = z.output<typeof selfDeclared>;

/** The part of the configuration that tasks live by; replaced as a whole at a reload. */
export interface TaskSettings {
  readonly tasks: TasksConfig;
  readonly intents: Readonly<Record<string, IntentConfig>>;
}

/** The ceiling that everything the agent starts by itself shares. */
export function agentCeiling(config: TasksConfig): AgentCeiling {
  return config.self_declared ?? selfDeclared.parse({});
}
