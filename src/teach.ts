import { refuse, isRefusal, type Refusal } from './errors.ts';
import type { Graph } from './pipeline.ts';
import { grant, type AccessRequest, type Decision } from './policy/policy.ts';
import type { Operation } from './protocol/operation.ts';

/** So many are tried, and so many told: a refusal stays cheap, and short enough to be read. */
const mostTried = 100;
const mostTold = 12;
/** What was found for an intent at a destination is told again for a while. */
const keptMs = 10_000;
const mostKept = 500;

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const none: Readonly<Record<string, string>> = Object.freeze({});

interface Kept {
  readonly text: string;
  readonly until: number;
}

/** By policies of the moment: a reload begins anew. */
const kept = new WeakMap<Graph, Map<string, Kept>>();

/** Policy's no with what an agent can do next: which rule it was, what this task may do at this destination, and whom to ask for more. Never what a policy says. */
export function taught(graph: Graph, request: AccessRequest, decision: Decision): Refusal {
  const { task, planned, target, operation } = request;
  const rule = decision.policies.map((id) => `"${id}"`).join(', ');
  const why = rule === '' ? 'No policy permits this operation in this task' : `Policy forbids this operation in this task (rule ${rule})`;
  const unplanned = task.plan.size > 0 && !planned ? ' It is not in the plan of the task.' : '';
  const listed = operation.mcp === undefined ? '' : ' The lists of this server hold what this task may use.';
  const more = ` For more, ask whoever opened the task for another intent, or the operator for a policy at ${target.destination.name}. Do not repeat it unchanged.`;
  // Some clients show it in a header field alone.
  return refuse('policy_denied', {
    detail: `${why}.${unplanned}${allowedText(graph, request)}${listed}${more}`.replaceAll(/[^\x20-\x7e]/g, '?'),
  });
}

function allowedText(graph: Graph, request: AccessRequest): string {
  const texts = kept.get(graph) ?? new Map<string, Kept>();
  kept.set(graph, texts);
  const { task, target, time } = request;
  const key = `${task.intent} ${target.destination.name}`;
  const before = texts.get(key);
  if (before !== undefined && before.until > time) return before.text;
  const names = allowed(graph, request);
  const more = names.length > mostTold ? ' and more' : '';
  const text = names.length === 0 ? '' : ` Allowed here: ${names.slice(0, mostTold).join(', ')}${more}.`;
  if (texts.size >= mostKept) texts.clear();
  texts.set(key, { text, until: time + keptMs });
  return text;
}

/** Of what the configuration names at this destination. */
function allowed(graph: Graph, request: AccessRequest): string[] {
  const { destination } = request.target;
  const reviewed = [...(destination.tools?.keys() ?? [])].map((name): [string, Operation] => [name, toolCall(name)]);
  const plain = destination.protocol === 'http' ? destination.operations : [];
  const templates = plain.flatMap((template) => methods.flatMap((method) => operationAt(graph, request, { method, template })));
  return [...reviewed, ...templates].slice(0, mostTried).flatMap(([name, operation]) => {
    const decision = graph.policy.decide({ ...request, operation, listing: true });
    // An engine elsewhere is not asked for a hint.
    if (decision instanceof Promise) return [];
    return isRefusal(grant({ ...request, operation }, decision)) ? [] : [name];
  });
}

function toolCall(name: string): Operation {
  const mcp = { method: 'tools/call', name, opaque: false };
  return { action: 'call_tool', group: 'call_tool', method: 'POST', resource: name, templated: true, parameters: none, mcp };
}

/** As a call to such a path is classified, which may be as one that creates standing access. */
function operationAt(
  graph: Graph,
  { target }: AccessRequest,
  { method, template }: { readonly method: string; readonly template: string },
): [string, Operation][] {
  const path = template.replaceAll(/\{[^}]+\}/g, 'x');
  const operation = graph.classifier.classify({ method, target: { ...target, path, query: '' } });
  if (operation === undefined || operation instanceof Promise || isRefusal(operation)) return [];
  return [[`${method} ${template}`, operation]];
}
