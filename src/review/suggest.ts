import type { CallEvent } from '../audit/audit.ts';
import { messageActions } from '../protocol/operation.ts';
import { operationParts } from './log.ts';

export interface SuggestOptions {
  /** Also what policy denied without the destination being observed. */
  readonly denied: boolean;
  /** Also calls that create standing access. */
  readonly mint: boolean;
  /** Of the configuration: templates and tools, by destination. */
  readonly known: ReadonlyMap<string, ReadonlySet<string>>;
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
interface Group {
  readonly agent: string;
  readonly intent: string;
  readonly destination: string;
  readonly action: string;
  readonly resources: Map<string, number>;
  calls: number;
  first: number;
  last: number;
}

const mostResources = 40;

/** The least that would have let these calls go: never more than what was seen, for a person to read and to cut down. */
export function suggest(calls: readonly CallEvent[], { denied, mint, known }: SuggestOptions): Suggestion {
  const groups = new Map<string, Group>();
  const left: Record<string, number> = {};
  const leave = (why: string): void => void (left[why] = (left[why] ?? 0) + 1);
  for (const event of calls) {
    const { destination, group, resource } = operationParts(event);
    if (event.decision === 'deny' && !denied) leave('denied (--denied takes them)');
    else if (group === 'mint' && !mint) leave('create standing access (--mint takes them)');
    else if (event.intent === undefined || event.agent === undefined) leave('without a task');
    else {
      const action = actionOf(group, event.method);
      const key = JSON.stringify([event.agent, event.intent, destination, action]);
      const found = groups.get(key) ?? {
        agent: event.agent,
        intent: event.intent,
        destination,
        action,
        resources: new Map(),
        calls: 0,
        first: event.received_at,
        last: 0,
      };
      groups.set(key, found);
      found.calls += 1;
      found.last = Math.max(found.last, event.received_at);
      found.first = Math.min(found.first, event.received_at);
      // A template is the resource; of what has none the path is.
      const isKnown = known.get(destination)?.has(resource) === true;
      const name = isKnown || isMessage(group) || group === 'connect' ? resource : (event.path ?? resource);
      found.resources.set(name, (found.resources.get(name) ?? 0) + 1);
    }
  }
  const sorted = [...groups.values()].toSorted((a, b) => b.calls - a.calls);
  const texts = sorted.map((group, index) => policyFor(group, known.get(group.destination) ?? new Set(), index + 1));
  return { text: texts.join('\n'), policies: texts.length, templates: templatesFor(sorted, known), left };
}

function isMessage(group: string): boolean {
  return messageActions.has(group);
}

function actionOf(group: string, method: string): string {
  return group === 'read' || group === 'write' ? method : group;
}

function policyFor(
  { agent, intent, destination, action, resources, calls, first, last }: Group,
  known: ReadonlySet<string>,
  number: number,
): string {
  const names = [...resources.keys()].toSorted();
  const inOne = names.length === 1 && known.has(names[0] ?? '');
  const head = inOne ? `resource == Endpoint::${quoted(`${destination} ${names[0]}`)}` : `resource in Destination::${quoted(destination)}`;
  const test = inOne ? undefined : testOf(action, names, known);
  const conditions = [`context.task.intent == Intent::${quoted(intent)}`, ...(test === undefined ? [] : [test])];
  const seen = names.slice(0, mostResources).map((name) => `//   ${resources.get(name)} x ${commented(name)}`);
  return [
    `// ${calls} calls, ${day(first)} to ${day(last)}:`,
    ...seen,
    ...(names.length > mostResources ? [`//   and ${names.length - mostResources} more`] : []),
    `@id("suggested ${number}")`,
    `permit (principal == Agent::${quoted(agent)}, action == Action::${quoted(action)}, ${head})`,
    `when { ${conditions.join(' && ')} };`,
    '',
  ].join('\n');
}

/** What tells these resources apart, by what the action's calls have. */
function testOf(action: string, names: readonly string[], known: ReadonlySet<string>): string | undefined {
  const attribute: Readonly<Record<string, string>> = {
    call_tool: 'context.mcp.tool',
    get_prompt: 'context.mcp.prompt',
    read_resource: 'context.mcp.uri',
    infer: 'context.llm.model',
  };
  const by = attribute[action];
  if (by !== undefined) return `${setOf(names)}.contains(${by})`;
  if (isMessage(action) || action === 'connect') return undefined;
  const templates = names.filter((name) => known.has(name));
  const paths = names.filter((name) => !known.has(name));
  const tests = [
    ...(templates.length === 0 ? [] : [`(resource has template && ${setOf(templates)}.contains(resource.template))`]),
    ...(paths.length === 0 ? [] : [`${setOf(paths)}.contains(context.http.path)`]),
  ];
  return tests.length === 1 ? tests[0] : `(${tests.join(' || ')})`;
}

/** Where three paths or more differ in segments that look like ids only. */
function templatesFor(groups: readonly Group[], known: SuggestOptions['known']): Map<string, readonly string[]> {
  const families = new Map<string, Map<string, number>>();
  for (const { destination, action, resources } of groups) {
    if (isMessage(action) || action === 'connect') continue;
    for (const path of resources.keys()) {
      if (known.get(destination)?.has(path) === true || !path.startsWith('/')) continue;
      const template = templateOf(path);
      if (template === path) continue;
      const of = families.get(destination) ?? new Map<string, number>();
      families.set(destination, of.set(template, (of.get(template) ?? 0) + 1));
    }
  }
  const worth = [...families].map(([name, of]) => [name, [...of].filter(([, paths]) => paths >= 3).map(([template]) => template)] as const);
  return new Map(worth.filter(([, templates]) => templates.length > 0));
}

const idLike = /^(?:\d+|[0-9a-f]{8,}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[A-Za-z]+[_-]?\d[\w-]*)$/i;

function templateOf(path: string): string {
  let ids = 0;
  return path
    .split('/')
    .map((segment) => {
      if (!idLike.test(segment)) return segment;
      ids += 1;
      return ids === 1 ? '{id}' : `{id${ids}}`;
    })
    .join('/');
}

function setOf(texts: readonly string[]): string {
  return `[${texts.map(quoted).join(', ')}]`;
}

/** As a Cedar string; what agents named may hold anything. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, (each) => `\\${each}`).replaceAll(/[^\x20-\x7e]/gu, (each) => `\\u{${(each.codePointAt(0) ?? 0).toString(16)}}`)}"`;
}

function commented(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, '?').slice(0, 200);
}

function day(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}
