import { messageActions } from '../protocol/operation.ts';
import type { Group } from './suggest.ts';

const mostResources = 40;

export interface SuggestedPolicies {
  readonly texts: readonly string[];
  /** Calls of groups whose policy would not be taken. */
  readonly unwritable: number;
}

/** Whether policies take these words of agents: one that could not be loaded would take a whole group with it. */
export function sayable(problemsIn: (text: string) => readonly string[]): (agent: string, texts: readonly string[]) => boolean {
  const known = new Map<string, boolean>();
  const isTaken = (policy: string): boolean => {
    const taken = known.get(policy) ?? problemsIn(policy).length === 0;
    known.set(policy, taken);
    return taken;
  };
  return (agent, texts) =>
    isTaken(`permit (principal == Agent::${quoted(agent)}, action, resource);`) &&
    // Printable ASCII is taken always, and asking takes a few milliseconds.
    texts.every(
      (text) => /^[\x20-\x7e]*$/.test(text) || isTaken(`permit (principal, action, resource) when { context.task.id == ${quoted(text)} };`),
    );
}

/** One policy for each group; actions that are bound alike are in one. What would not be taken is left out. */
export function policiesFor(groups: readonly Group[], problemsIn: (text: string) => readonly string[]): SuggestedPolicies {
  const alike = Map.groupBy(groups, (group) => (group.action === 'mint' ? JSON.stringify([group.action, bodyOf(group)]) : bodyOf(group)));
  const ids = new Set<string>();
  let unwritable = 0;
  const texts = [...alike.values()].flatMap((of) => {
    const text = textOf(of, ids);
    if (problemsIn(text).length === 0) return [text];
    unwritable += of.reduce((sum, { calls }) => sum + calls, 0);
    return [];
  });
  return { texts, unwritable };
}

function textOf(groups: readonly Group[], ids: Set<string>): string {
  const [group] = groups as [Group];
  const calls = groups.reduce((sum, each) => sum + each.calls, 0);
  const actions = groups.map(({ action }) => `Action::${quoted(action)}`).toSorted();
  const seen = groups.flatMap(({ action, resources }) =>
    [...resources].toSorted(([, a], [, b]) => b - a).map(([name, times]) => `//   ${times} x ${action} ${commented(name)}`),
  );
  const span = [day(Math.min(...groups.map(({ first }) => first))), day(Math.max(...groups.map(({ last }) => last)))];
  return [
    `// ${calls} call${calls === 1 ? '' : 's'}, ${[...new Set(span)].join(' to ')}:`,
    ...seen.slice(0, mostResources),
    ...(seen.length > mostResources ? [`//   and ${seen.length - mostResources} more`] : []),
    `@id(${quoted(idFor(groups, ids))})${group.approval ? ' @approval' : ''}`,
    'permit (',
    `  ${group.agent === undefined ? 'principal' : `principal == Agent::${quoted(group.agent)}`},`,
    `  action ${actions.length === 1 ? `== ${actions[0]}` : `in [${actions.join(', ')}]`},`,
    bodyOf(group),
    '',
  ].join('\n');
}

function idFor(groups: readonly Group[], taken: Set<string>): string {
  const [{ intent, destination, approval }] = groups as [Group];
  const actions = groups
    .map(({ action }) => action)
    .toSorted()
    .join(' ');
  const name = `suggested: ${intent} ${destination.name} ${actions}${approval ? ' approved' : ''}`;
  let id = name;
  for (let n = 2; taken.has(id); n += 1) id = `${name} ${n}`;
  taken.add(id);
  return id;
}

/** Resource and conditions: what binds the calls, beside agent and action. */
function bodyOf(group: Group): string {
  const { intent, destination, resources, templates, attested } = group;
  const [only = ''] = resources.keys();
  const inOne = resources.size === 1 && templates.has(only);
  const resource = inOne ? `== Endpoint::${quoted(`${destination.name} ${only}`)}` : `in Destination::${quoted(destination.name)}`;
  const conditions = [
    `context.task.intent == Intent::${quoted(intent)}`,
    ...(attested ? ['context.task.attested'] : []),
    ...(inOne ? [] : resourceTest(group)),
    ...Object.entries(group.bounds).map(([attribute, value]) => `${attribute} == ${quoted(value)}`),
    ...queryTest(group),
  ];
  return `  resource ${resource}\n)\nwhen {\n  ${conditions.join(' &&\n  ')}\n};`;
}

/** What tells resources apart, where they are not what the path says. */
const told: Readonly<Record<string, string>> = {
  call_tool: 'context.mcp.tool',
  get_prompt: 'context.mcp.prompt',
  read_resource: 'context.mcp.uri',
  infer: 'context.llm.model',
};

function resourceTest({ action, destination: { protocol }, resources, templates }: Group): string[] {
  const names = new Set(resources.keys());
  if (protocol === 'mcp' && action === 'answer') {
    const likes = [...names].map((name) => `context.mcp.method like ${quoted(`${name}/*`)}`);
    return [likes.length === 1 ? (likes[0] ?? '') : `(${likes.join(' || ')})`];
  }
  if (protocol === 'mcp' || protocol === 'a2a' || action === 'infer') return [isOneOf(told[action] ?? `context.${protocol}.method`, names)];
  // Its host is all that is known of a tunnel, and of a list of models its path.
  if (action === 'connect' || messageActions.has(action)) return [];
  const paths = new Set([...names].filter((name) => !templates.has(name)));
  const tests = [
    ...(templates.size === 0 ? [] : [`(resource has template && ${isOneOf('resource.template', templates)})`]),
    ...(paths.size === 0 ? [] : [isOneOf('context.http.path', paths)]),
  ];
  return tests.length === 1 ? tests : [`(${tests.join(' || ')})`];
}

function queryTest({ action, queryNames }: Group): string[] {
  if (queryNames === undefined || action === 'connect') return [];
  return [queryNames.length === 0 ? 'context.http.query.text == ""' : `[${listed(queryNames)}].containsAll(context.http.query.names)`];
}

function isOneOf(attribute: string, texts: ReadonlySet<string>): string {
  const [only = ''] = texts;
  return texts.size === 1 ? `${attribute} == ${quoted(only)}` : `[${listed(texts)}].contains(${attribute})`;
}

function listed(texts: Iterable<string>): string {
  return [...texts].toSorted().map(quoted).join(', ');
}

/** As a Cedar string; what agents named may hold anything. */
function quoted(text: string): string {
  const escaped = text.toWellFormed().replaceAll(/["\\]/g, (each) => `\\${each}`);
  return `"${escaped.replaceAll(/[^\x20-\x7e]/gu, (each) => `\\u{${(each.codePointAt(0) ?? 0).toString(16)}}`)}"`;
}

/** One line of plain text, whatever it was. */
function commented(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, '?').slice(0, 200);
}

function day(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}
