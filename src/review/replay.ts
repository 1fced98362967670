import type { CallEvent } from '../audit/audit.ts';
import { messageActions, type ActionGroup, type Operation } from '../protocol/operation.ts';
import type { AccessRequest } from '../policy/policy.ts';
import { taskWith, type Bench } from './bench.ts';
import { operationParts } from './log.ts';

/** What other policies make of calls that were made. */
export interface Replay {
  readonly calls: number;
  readonly unchanged: number;
  readonly changes: readonly Change[];
  /** Calls to destinations or intents that the configuration does not have any more. */
  readonly unknown: number;
  /** Of all calls, those about which the log holds less than policies may read: arguments, queries, the agent's claims. */
  readonly uncertain: number;
}

/** Calls that one operation was used for, and that would go another way now. */
export interface Change {
  readonly from: string;
  readonly to: string;
  readonly operation: string;
  readonly intent: string;
  readonly calls: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** One of them. */
  readonly example: string;
}

export async function replay(bench: Bench, calls: readonly CallEvent[]): Promise<Replay> {
  const changes = new Map<string, { -readonly [K in keyof Change]: Change[K] }>();
  let [unchanged, unknown, uncertain] = [0, 0, 0];
  for (const event of calls) {
    const request = requestOf(bench, event);
    if (request === undefined) {
      unknown += 1;
      continue;
    }
    if (event.query !== undefined || request.operation.mcp !== undefined || request.operation.llm !== undefined) uncertain += 1;
    const { decision: to, policies: after } = await bench.decide(request);
    // One that was approved would be asked for again.
    const from = event.decision === 'allow' && event.approval !== undefined ? 'approval' : (event.decision ?? 'deny');
    if (from === to) {
      unchanged += 1;
      continue;
    }
    const { operation = '', intent = '', policies: before = [] } = event;
    const key = JSON.stringify([from, to, operation, intent, before, after]);
    const known = changes.get(key);
    if (known === undefined) changes.set(key, { from, to, operation, intent, calls: 1, before, after, example: event.call });
    else known.calls += 1;
  }
  const sorted = [...changes.values()].toSorted((a, b) => b.calls - a.calls);
  return { calls: calls.length, unchanged, changes: sorted, unknown, uncertain };
}

/** The request as far as the log tells; undefined: there is no such destination or intent any more. */
function requestOf({ config, destinations }: Bench, event: CallEvent): AccessRequest | undefined {
  const { destination: name, group, resource } = operationParts(event);
  const destination = destinations.find((each) => each.name === name);
  const { intent, agent = '', subject, planned = true, host = '', path = '', method, received_at: time } = event;
  if (destination === undefined || intent === undefined || !Object.hasOwn(config.intents, intent)) return undefined;
  const templated = destination.operations.includes(resource) || destination.tools?.has(resource) === true;
  const isMessage = messageActions.has(group);
  const isTunnel = group === 'connect';
  const operation: Operation = {
    action: isMessage ? group : isTunnel ? 'connect' : destination.protocol === 'grpc' ? 'call_method' : method,
    group: group as ActionGroup,
    ...(isMessage || destination.protocol === 'grpc' ? { method } : {}),
    resource,
    templated,
    parameters: templated && !isMessage ? parametersOf(resource, path) : {},
    ...factsOf(destination.protocol, { group, resource, path }),
  };
  return {
    principal: {
      id: agent,
      issuer: agent.slice(0, Math.max(0, agent.lastIndexOf('|'))),
      subject: agent.slice(agent.lastIndexOf('|') + 1),
      kind: 'local',
      attributes: {},
    },
    task: taskWith(config, { id: event.task ?? '', intent, agent, subject }),
    planned,
    target: { destination, host, path, query: '' },
    operation,
    // Nobody knows the arguments: what policies make of them is left open.
    listing: group === 'call_tool',
    time,
  };
}

function factsOf(
  protocol: string,
  { group, resource, path }: { readonly group: string; readonly resource: string; readonly path: string },
): Partial<Operation> {
  if (protocol === 'mcp') return { mcp: { method: group, name: resource, opaque: false } };
  if (protocol === 'a2a') return { a2a: { method: resource, streaming: resource === 'SendStreamingMessage', notifies: [] } };
  if (protocol === 'grpc') {
    const [, service = '', method = ''] = path.split('/');
    return { grpc: { service, method } };
  }
  if (protocol !== 'llm' || group !== 'infer') return {};
  return {
    llm: {
      api: 'chat',
      model: resource,
      streaming: false,
      tools: [],
      providerTools: [],
      servers: [],
      stored: false,
      maxTokens: undefined,
      members: [],
    },
  };
}

function parametersOf(template: string, path: string): Record<string, string> {
  const values = path.split('/');
  const names = template.split('/').map((segment) => /^\{(.+)\}$/.exec(segment)?.[1]);
  return Object.fromEntries(names.flatMap((name, i) => (name === undefined ? [] : [[name, values[i] ?? '']])));
}
