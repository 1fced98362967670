import { refuse, isRefusal, type Refusal } from './errors.ts';
import type { Graph } from './pipeline.ts';
import { grant, type AccessRequest, type Decision } from './policy/policy.ts';
import { operationName, type Operation } from './protocol/operation.ts';

/** So many are tried, and so many told: a refusal stays cheap, and short enough to be read. */
const mostTried = 60;
const mostTold = 12;
/** What was found for a task at a destination is told again for a while. */
const keptMs = 10_000;
const mostKept = 500;
/** Of all tasks together, in a second; what is denied beyond that is told without. */
const mostSearches = 5;

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const none: Readonly<Record<string, string>> = Object.freeze({});

/** What denials of one graph have looked up: by policies of the moment, a reload begins anew. */
interface Lessons {
  readonly texts: Map<string, { readonly text: string; readonly until: number }>;
  second: number;
  searches: number;
}

const lessonsOf = new WeakMap<Graph, Lessons>();

/** Policy's no with what an agent can do next: which rule it was, what this task may do at this destination, and whom to ask for more. Never what a policy says. */
export function taught(graph: Graph, request: AccessRequest, decision: Decision): Refusal {
  const { task, planned, target, operation } = request;
  const rules = rulesOf(graph, decision);
  const named = rules === '' ? '' : ` (rule ${rules})`;
  const why =
    decision.policies.length === 0 ? 'No policy permits this operation in this task' : `Policy forbids this operation in this task${named}`;
  const unplanned = task.plan.size > 0 && !planned ? ' It is not in the plan of the task, which whoever opens a task can declare.' : '';
  const listed = operation.mcp === undefined ? '' : ' The lists of this server hold what this task may use.';
  const more = ` For more, ask whoever opened the task for another intent, or the operator for a policy at ${target.destination.name}. Do not repeat it unchanged.`;
  // Some clients show it in a header field alone.
  return refuse('policy_denied', {
    detail: `${why}.${unplanned}${allowedText(graph, request)}${listed}${more}`.replaceAll(/[^\x20-\x7e]/g, '?'),
  });
}

/** Names that the operator gave; of an engine elsewhere only what can be nothing but a name. */
function rulesOf({ policy }: Graph, { policies }: Decision): string {
  const own = (id: string): boolean => policy.sources?.some((source) => source.id === id) ?? /^[\w.:/-]*$/.test(id);
  const told = policies.filter((id) => id.length <= 100 && own(id)).slice(0, 3);
  return told.map((id) => `"${id}"`).join(', ');
}

function allowedText(graph: Graph, request: AccessRequest): string {
  // One that is elsewhere is not asked for a hint.
  if (graph.policy.counts.remote !== undefined) return '';
  const lessons = lessonsOf.get(graph) ?? { texts: new Map(), second: 0, searches: 0 };
  lessonsOf.set(graph, lessons);
  const { task, target, time } = request;
  const key = `${task.id} ${target.destination.name}`;
  const before = lessons.texts.get(key);
  if (before !== undefined && before.until > time) return before.text;
  const second = Math.floor(time / 1000);
  if (second !== lessons.second) [lessons.second, lessons.searches] = [second, 0];
  lessons.searches += 1;
  if (lessons.searches > mostSearches) return '';
  const names = found(graph, request);
  const more = names.length > mostTold ? ' and more' : '';
  const text = names.length === 0 ? '' : ` Allowed here: ${names.slice(0, mostTold).join(', ')}${more}.`;
  if (lessons.texts.size >= mostKept) lessons.texts.clear();
  lessons.texts.set(key, { text, until: time + keptMs });
  return text;
}

/** Of what the configuration names at this destination. */
function found(graph: Graph, like: AccessRequest): string[] {
  const names: string[] = [];
  // An engine elsewhere is not asked for a hint.
  if (graph.policy.counts.remote !== undefined) return names;
  let tried = 0;
  for (const { name, target, operation } of candidates(graph, like)) {
    tried += 1;
    if (tried > mostTried) break;
    const { plan } = like.task;
    const planned = plan.size === 0 || plan.has(operationName(target, operation));
    const request = { ...like, target, operation, planned, listing: true };
    const decision = graph.policy.decide(request);
    if (decision instanceof Promise) break;
    const permit = grant(request, decision);
    if (!isRefusal(permit)) names.push(name);
    else if (permit.refused === 'approval_required') names.push(`${name} (once approved)`);
  }
  return names;
}

interface Candidate extends Pick<AccessRequest, 'target' | 'operation'> {
  readonly name: string;
}

function* candidates(graph: Graph, { target, operation }: AccessRequest): Generator<Candidate> {
  const { tools, operations, protocol } = target.destination;
  for (const name of tools?.keys() ?? []) yield { name, target, operation: toolCall(name) };
  for (const template of operations) {
    // What it was called with is what a policy may have let others go with.
    const path = template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => segmentFor(name, operation));
    const there = { ...target, path, query: '' };
    for (const method of protocol === 'grpc' ? (['POST'] as const) : methods) {
      const at = graph.classifier.classify({ method, target: there, grpc: protocol === 'grpc' });
      if (at === undefined || at instanceof Promise || isRefusal(at)) continue;
      yield { name: protocol === 'grpc' ? template : `${method} ${template}`, target: there, operation: at };
    }
  }
}

function segmentFor(name: string, { parameters }: Operation): string {
  return Object.hasOwn(parameters, name) ? encodeURIComponent(parameters[name] ?? '') : 'x';
}

function toolCall(name: string): Operation {
  const mcp = { method: 'tools/call', name, opaque: false };
  return { action: 'call_tool', group: 'call_tool', method: 'POST', resource: name, templated: true, parameters: none, mcp };
}
