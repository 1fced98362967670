import type { CallEvent } from '../audit/audit.ts';
import type { Destination, Target } from '../destination.ts';
import { isRefusal } from '../errors.ts';
import type { Principal } from '../identity/identity.ts';
import type { AccessRequest } from '../policy/policy.ts';
import { messageActions, type MessageAction, type Operation } from '../protocol/operation.ts';
import type { TaskOrigin } from '../tasks/task.ts';
import { principalOf, taskWith, type Bench } from './bench.ts';
import { operationParts, type CallLog } from './log.ts';

/** A call that was made, as far as its log tells, in the words of a configuration that may be another one. */
export interface LoggedCall {
  readonly request: AccessRequest;
  /** Attributes that the log does not tell: their paths, or how these begin. */
  readonly untold: readonly string[];
}

/** undefined: the configuration has no such destination, host or intent (any more), or would not take the call. */
export function loggedCall(
  { config, destinations, classifier }: Bench,
  event: CallEvent,
  origins: CallLog['origins'],
): LoggedCall | undefined {
  const { destination: name, group, resource } = operationParts(event);
  const { intent, agent = '', subject, planned = true, host = '', path = '', received_at: time } = event;
  const destination = destinations.find((each) => each.name === name);
  if (destination === undefined || !isHost(host, destination)) return undefined;
  if (intent === undefined || !Object.hasOwn(config.intents, intent)) return undefined;
  const target = { destination, host, path, query: queryOf(event) };
  const operation = isMessage(group) ? messageOf(event, { group, resource, destination }) : plainOf(classifier, event, { group, target });
  if (operation === undefined) return undefined;
  const origin = origins.get(event.task ?? '') as TaskOrigin | undefined;
  const told = event.inputs ?? {};
  const claims = Object.entries(told).flatMap(([at, value]) =>
    at.startsWith('principal.') ? [[at.slice(10), String(value)] as const] : [],
  );
  return {
    request: {
      principal: principalOf(agent, { kind: (told['principal.kind'] ?? 'local') as Principal['kind'], claims: Object.fromEntries(claims) }),
      task: taskWith(config, {
        id: event.task ?? '',
        intent,
        agent,
        subject,
        ...(origin !== undefined && { origin, attested: origin === 'orchestrator' }),
      }),
      planned,
      target,
      operation,
      // Nobody knows the arguments: what policies make of them is left open.
      listing: group === 'call_tool',
      time,
    },
    untold: [
      ...['kind', 'namespace', 'service_account', 'pod', 'node'].map((claim) => `principal.${claim}`),
      ...(origin === undefined ? ['context.task.origin', 'context.task.attested'] : []),
      ...(event.query === undefined ? [] : ['context.http.query.text', 'context.http.query.pairs']),
      ...(event.query?.includes('…') === true ? ['context.http.query.names'] : []),
      ...(untoldOf[group] ?? []),
    ].filter((attribute) => !Object.hasOwn(told, attribute)),
  };
}

const llm = ['api', 'streaming', 'stored', 'max_tokens', 'tools', 'provider_tools', 'servers', 'members'];

/** Of messages, by action. */
const untoldOf: Readonly<Record<string, readonly string[]>> = {
  call_tool: ['context.mcp.arguments', 'context.mcp.opaque'],
  read_resource: ['context.mcp.method'],
  get_prompt: ['context.mcp.method'],
  answer: ['context.mcp.method'],
  infer: llm.map((name) => `context.llm.${name}`),
  send_message: ['context.a2a.notifies'],
  set_push_notification: ['context.a2a.notifies'],
};

function isMessage(group: string): group is MessageAction {
  return messageActions.has(group);
}

/** `*.example.com` stands for exactly one label. */
function isHost(host: string, { hosts }: Destination): boolean {
  return hosts.some((name) => name === host || (name.startsWith('*.') && host.slice(host.indexOf('.')) === name.slice(1)));
}

/** The names are told, and none of the values. */
function queryOf({ query = [] }: CallEvent): string {
  return query.length === 0 ? '' : `?${query.map((name) => encodeURIComponent(name.toWellFormed())).join('&')}`;
}

/** Classified anew: templates may be others by now. */
function plainOf(
  classifier: Bench['classifier'],
  { method }: CallEvent,
  { group, target }: { readonly group: string; readonly target: Target },
): Operation | undefined {
  const { protocol } = target.destination;
  if (protocol === 'mcp' || protocol === 'a2a') return undefined;
  const head = { method: group === 'connect' ? 'CONNECT' : method, target, websocket: group === 'websocket', grpc: protocol === 'grpc' };
  const operation = classifier.classify(head);
  return operation === undefined || operation instanceof Promise || isRefusal(operation) ? undefined : operation;
}

function messageOf(
  { method, inputs = {} }: CallEvent,
  { group, resource, destination }: { readonly group: MessageAction; readonly resource: string; readonly destination: Destination },
): Operation | undefined {
  const of = (protocol: Destination['protocol'], facts: Partial<Operation>): Operation | undefined =>
    destination.protocol !== protocol
      ? undefined
      : { action: group, group, method, resource, templated: destination.tools?.has(resource) === true, parameters: {}, ...facts };
  if (Object.hasOwn(named, group)) {
    if (group === 'call_tool' && destination.tools?.has(resource) === false) return undefined;
    return of('mcp', { mcp: { method: named[group] ?? '', name: resource, opaque: false } });
  }
  switch (destination.protocol) {
    case 'mcp':
      // Of an answer only what was asked for is told: `elicitation`.
      return of('mcp', { mcp: { method: group === 'answer' ? `${resource}/` : resource, name: undefined } });
    case 'a2a':
      return of('a2a', { a2a: { method: resource, streaming: /^(?:SendStreamingMessage|SubscribeToTask)$/.test(resource), notifies: [] } });
    case 'llm':
      return of('llm', group === 'infer' ? { llm: modelOf(resource, inputs) } : {});
    default:
      return undefined;
  }
}

/** Actions of MCP whose resource is a name, and the method that it usually is. */
const named: Readonly<Record<string, string>> = { call_tool: 'tools/call', read_resource: 'resources/read', get_prompt: 'prompts/get' };

/** What the audit was asked to keep of the request, and nothing for the rest. */
function modelOf(model: string, inputs: NonNullable<CallEvent['inputs']>): NonNullable<Operation['llm']> {
  const told = (name: string): unknown => inputs[`context.llm.${name}`];
  const list = (name: string): readonly string[] => (Array.isArray(told(name)) ? (told(name) as string[]) : []);
  const [api, most] = [told('api'), told('max_tokens')];
  return {
    api: typeof api === 'string' ? api : 'chat',
    model,
    streaming: told('streaming') === true,
    stored: told('stored') === true,
    maxTokens: typeof most === 'number' ? most : undefined,
    answers: 1,
    tools: list('tools'),
    providerTools: list('provider_tools'),
    servers: list('servers'),
    members: list('members'),
  };
}
