import type { CallEvent } from '../audit/audit.ts';
import type { AccessRequest } from '../policy/policy.ts';
import { messageActions } from '../protocol/operation.ts';
import type { Bench } from './bench.ts';
import type { CallLog } from './log.ts';
import { loggedCall, type LoggedCall } from './logged.ts';
import { outcomeOf } from './replay.ts';
import { policiesFor, sayable } from './suggested-policies.ts';
import { templatesFor } from './templates.ts';

export interface SuggestOptions {
  /** Also what policy denied without the destination being observed. */
  readonly denied: boolean;
  /** Also calls that create standing access. */
  readonly mint: boolean;
  /** What was seen of one agent is for any. */
  readonly anyAgent: boolean;
  /** Whatever the names in the query. */
  readonly anyQuery: boolean;
}

export interface Suggestion {
  /** Cedar. */
  readonly text: string;
  readonly policies: number;
  /** Path families that are worth a template, by destination. */
  readonly templates: ReadonlyMap<string, readonly string[]>;
  /** Calls that nothing was suggested for, by why. */
  readonly left: Readonly<Record<string, number>>;
}

/** Calls that one policy would stand for: one agent's, for one intent, of one action, at one destination. */
export interface Group {
  /** undefined: any. */
  readonly agent: string | undefined;
  readonly intent: string;
  readonly destination: AccessRequest['target']['destination'];
  readonly action: string;
  /** Someone's yes was wanted. */
  readonly approval: boolean;
  /** Templates, tools, models, or paths: how often each. */
  readonly resources: Map<string, number>;
  readonly templates: Set<string>;
  readonly hosts: Set<string>;
  readonly paths: Set<string>;
  readonly methods: Set<string>;
  /** Names in queries; undefined: whatever they are. */
  readonly queryNames: Set<string> | undefined;
  /** An orchestrator has opened every task of these. */
  attested: boolean;
  calls: number;
  first: number;
  last: number;
}

/** The least that would have let these calls go: never more than what was seen, for a person to read and to cut down. */
export function suggest(bench: Bench, { calls, origins }: CallLog, options: SuggestOptions): Suggestion {
  const groups = new Map<string, Group>();
  const left: Record<string, number> = {};
  const isSayable = sayable((text) => bench.problemsIn(text));
  for (const event of calls) {
    const logged = loggedCall(bench, event, origins);
    const words = [logged?.request.operation.resource ?? '', event.path ?? '', ...(event.query ?? [])];
    const why = leaving(event, logged, options) ?? (isSayable(event.agent ?? '', words) ? undefined : unwritable);
    if (logged === undefined || why !== undefined) {
      left[why ?? ''] = (left[why ?? ''] ?? 0) + 1;
      continue;
    }
    const group = groupOf(groups, logged.request, { ...options, approval: outcomeOf(event) === 'approval' });
    count(group, logged.request);
    if (origins.get(event.task ?? '') !== 'orchestrator') group.attested = false;
  }
  const sorted = [...groups.values()].toSorted((a, b) => b.calls - a.calls);
  const found = policiesFor(sorted, (text) => bench.problemsIn(text));
  if (found.unwritable > 0) left[unwritable] = (left[unwritable] ?? 0) + found.unwritable;
  return { text: found.texts.join('\n'), policies: found.texts.length, templates: templatesFor(sorted), left };
}

const unwritable = 'whose names no policy can hold';

/** Why nothing is suggested for a call. */
function leaving(
  { decision, path, operation, query }: CallEvent,
  logged: LoggedCall | undefined,
  options: SuggestOptions,
): string | undefined {
  if (decision === 'deny' && !options.denied) return 'denied (--denied takes them)';
  if (logged === undefined) return 'that this configuration does not take: of other destinations, hosts, intents or tools';
  if (actionOf(logged.request) === 'mint' && !options.mint) return 'that create standing access (--mint takes them)';
  const isCut = [path, operation, ...(options.anyQuery ? [] : (query ?? []))].some((text) => text?.includes('…') === true);
  return isCut ? 'longer than the log holds' : undefined;
}

interface GroupOptions extends SuggestOptions {
  readonly approval: boolean;
}

function groupOf(groups: Map<string, Group>, request: AccessRequest, { anyAgent, anyQuery, approval }: GroupOptions): Group {
  const { principal, task, target } = request;
  const agent = anyAgent ? undefined : principal.id;
  const action = actionOf(request);
  const key = JSON.stringify([agent, task.intent, target.destination.name, action, approval]);
  const group = groups.get(key) ?? {
    agent,
    intent: task.intent,
    destination: target.destination,
    action,
    approval,
    resources: new Map(),
    templates: new Set(),
    hosts: new Set(),
    paths: new Set(),
    methods: new Set(),
    queryNames: anyQuery ? undefined : new Set(),
    attested: true,
    calls: 0,
    first: request.time,
    last: 0,
  };
  groups.set(key, group);
  return group;
}

function count(group: Group, { operation, target, time }: AccessRequest): void {
  group.calls += 1;
  group.first = Math.min(group.first, time);
  group.last = Math.max(group.last, time);
  group.hosts.add(target.host);
  group.paths.add(target.path);
  group.methods.add(operation.method ?? operation.action);
  for (const name of new URLSearchParams(target.query).keys()) group.queryNames?.add(name);
  if (operation.templated) group.templates.add(operation.resource);
  group.resources.set(operation.resource, (group.resources.get(operation.resource) ?? 0) + 1);
}

/** As policy calls it. */
function actionOf({ operation: { action, group } }: AccessRequest): string {
  return group === 'mint' || group === 'websocket' || messageActions.has(group) ? group : action;
}
