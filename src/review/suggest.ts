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

/** Calls that one policy would stand for: alike in all but what they were for. */
export interface Group extends Alike {
  readonly destination: AccessRequest['target']['destination'];
  /** Templates, tools, models, or paths: how often each. */
  readonly resources: Map<string, number>;
  readonly templates: Set<string>;
  calls: number;
  first: number;
  last: number;
}

/** What the calls of a group have in common: what was seen apart is never allowed together. */
interface Alike {
  /** undefined: any. */
  readonly agent: string | undefined;
  readonly intent: string;
  readonly action: string;
  /** Someone's yes was wanted. */
  readonly approval: boolean;
  /** An orchestrator has opened their tasks. */
  readonly attested: boolean;
  /** Attributes beside the resource that have one value. */
  readonly bounds: Readonly<Record<string, string>>;
  /** In the query, of any call for that resource; undefined: whatever they are. */
  readonly queryNames: readonly string[] | undefined;
}

/** The least that would have let these calls go: never more than what was seen, for a person to read and to cut down. */
export function suggest(bench: Bench, { calls, origins }: CallLog, options: SuggestOptions): Suggestion {
  const left: Record<string, number> = {};
  const leave = (why: string, count: number): void => void (left[why] = (left[why] ?? 0) + count);
  const isSayable = sayable((text) => bench.problemsIn(text));
  const kept: { readonly request: AccessRequest; readonly alike: Alike }[] = [];
  const names = new Map<string, Set<string>>();
  for (const event of calls) {
    const logged = loggedCall(bench, event, origins);
    const words = [logged?.request.operation.resource ?? '', event.path ?? '', ...(event.query ?? [])];
    const why = leaving(event, logged, options) ?? (isSayable(event.agent ?? '', words) ? undefined : unwritable);
    if (logged === undefined || why !== undefined) {
      leave(why ?? '', 1);
      continue;
    }
    const { request } = logged;
    const attested = origins.get(event.task ?? '') === 'orchestrator';
    const alike = alikeOf(request, { ...options, attested, approval: outcomeOf(event) === 'approval' });
    kept.push({ request, alike });
    const at = keyOf(request, alike, request.operation.resource);
    const seen = names.get(at) ?? new Set();
    for (const name of new URLSearchParams(request.target.query).keys()) seen.add(name);
    names.set(at, seen);
  }
  const groups = new Map<string, Group>();
  for (const { request, alike } of kept) {
    const queryNames = options.anyQuery ? undefined : [...(names.get(keyOf(request, alike, request.operation.resource)) ?? [])].toSorted();
    count(groups, request, { ...alike, queryNames });
  }
  const sorted = [...groups.values()].toSorted((a, b) => b.calls - a.calls);
  const found = policiesFor(sorted, (text) => bench.problemsIn(text));
  if (found.unwritable > 0) leave(unwritable, found.unwritable);
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

function alikeOf(request: AccessRequest, { anyAgent, attested, approval }: SuggestOptions & Pick<Alike, 'attested' | 'approval'>): Alike {
  const { principal, task, target, operation } = request;
  const action = actionOf(request);
  const { hosts, protocol } = target.destination;
  const bounds = {
    ...(hosts.length > 1 || hosts[0]?.startsWith('*.') === true ? { 'context.http.host': target.host } : {}),
    ...(action === 'mint' ? { 'context.http.method': operation.method ?? operation.action } : {}),
    ...(protocol === 'llm' && messageActions.has(action) ? { 'context.http.path': target.path } : {}),
  };
  return { agent: anyAgent ? undefined : principal.id, intent: task.intent, action, approval, attested, bounds, queryNames: undefined };
}

function keyOf({ target }: AccessRequest, alike: Alike, resource?: string): string {
  const { agent, intent, action, approval, attested, bounds, queryNames } = alike;
  return JSON.stringify([agent, intent, target.destination.name, action, approval, attested, bounds, queryNames, resource]);
}

function count(groups: Map<string, Group>, request: AccessRequest, alike: Alike): void {
  const { operation, target, time } = request;
  const key = keyOf(request, alike);
  const group = groups.get(key) ?? {
    ...alike,
    destination: target.destination,
    resources: new Map(),
    templates: new Set(),
    calls: 0,
    first: time,
    last: time,
  };
  groups.set(key, group);
  group.calls += 1;
  group.first = Math.min(group.first, time);
  group.last = Math.max(group.last, time);
  if (operation.templated) group.templates.add(operation.resource);
  group.resources.set(operation.resource, (group.resources.get(operation.resource) ?? 0) + 1);
}

/** As policy calls it. */
function actionOf({ operation: { action, group } }: AccessRequest): string {
  return group === 'mint' || group === 'websocket' || messageActions.has(group) ? group : action;
}
