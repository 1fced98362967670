import { refuse, type Refusal } from '../errors.ts';
import { limitsOf, type Limits } from './limits.ts';
import type { TaskSettings } from './settings.ts';
import type { OpenRequest } from './task.ts';

/** What a task gets: the request within the ceilings of its intent and of the configuration. */
export interface Terms {
  readonly destinations: readonly string[];
  readonly plan: readonly string[];
  readonly ttlMs: number;
  /** Infinity = no budget. */
  readonly calls: number;
  readonly limits: Limits;
}

export function termsFor(settings: TaskSettings, request: OpenRequest): Terms | Refusal {
  const intent = Object.hasOwn(settings.intents, request.intent) ? settings.intents[request.intent] : undefined;
  if (intent === undefined) return refuse('intent_unknown', { detail: `There is no such intent. ${catalogue(settings)}` });
  const plan = request.plan ?? [];
  const problem = planProblem(plan, intent.destinations);
  if (problem !== undefined) return refuse('invalid_input', { detail: problem });
  const { tasks } = settings;
  return {
    destinations: intent.destinations,
    plan,
    ttlMs: Math.min(request.ttlMs ?? tasks.default_ttl, intent.max_ttl ?? tasks.max_ttl, tasks.max_ttl),
    calls: Math.min(request.calls ?? Infinity, intent.budget?.calls ?? Infinity),
    limits: narrowed(limitsOf(intent.budget), request.limits ?? {}),
  };
}

/** The smaller of each. */
function narrowed(one: Limits, other: Limits): Limits {
  const tools = { ...one.tools };
  for (const [tool, limit] of Object.entries(other.tools ?? {})) tools[tool] = Math.min(limit, tools[tool] ?? Infinity);
  return { bytes: smaller(one.bytes, other.bytes), tokens: smaller(one.tokens, other.tokens), cost: smaller(one.cost, other.cost), tools };
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** The names are the operator's own words. */
function catalogue({ intents }: TaskSettings): string {
  const names = Object.keys(intents);
  if (names.length === 0) return 'The catalogue is empty.';
  return `Use one of: ${names.slice(0, 30).join(', ')}${names.length > 30 ? ', …' : ''}.`;
}

/** A plan that could never match is a mistake worth telling at once. */
function planProblem(plan: readonly string[], destinations: readonly string[]): string | undefined {
  const index = plan.findIndex((operation) => !destinations.includes(/^(\S+) \S+ \S/.exec(operation)?.[1] ?? ''));
  if (index === -1) return undefined;
  return `plan[${index}] is not an operation within the intent: write "destination group resource", as in "github read /repos/{owner}/{repo}/issues".`;
}
