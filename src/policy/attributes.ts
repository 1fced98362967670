import { credentialAmong } from '../fields.ts';
import type { ArgumentType, PinnedTool } from '../destination.ts';
import { messageActionsOf } from '../protocol/operation.ts';
import { shownArgument } from '../tool-arguments.ts';
import type { AccessRequest } from './policy.ts';

/** What a policy can be told: a Cedar String, Bool, Long, decimal (as text), a set of Strings or Longs, an `Intent`, or an instant (epoch ms). */
export type AttributeValue = string | boolean | number | readonly string[] | readonly number[];

/** The one table entry about an attribute: schema, request, typo check and decision cache are all made from it. */
export interface Attribute {
  /** From the Cedar variable down: `['context', 'http', 'path']`. */
  readonly path: readonly string[];
  readonly type: 'String' | 'Bool' | 'Long' | 'Decimal' | 'Set' | 'Longs' | 'Intent' | 'Time';
  readonly optional: boolean;
  /** The actions whose calls have it; undefined: all. */
  readonly actions?: ReadonlySet<string>;
  /** Differs from call to call, so a cache key must not hold it as a value. */
  readonly volatile: boolean;
  /** What of it may be a secret, in the audit: all of it, or what follows the first `=` in each element of a set. */
  readonly secret?: 'whole' | 'values';
  /** undefined = absent, only where `optional`. */
  read(request: AccessRequest): AttributeValue | undefined;
}

/** All attributes there are; `parameters` are the names in the destinations' path templates, `tools` those that were reviewed. */
export function attributesFor(parameters: readonly string[], tools: readonly PinnedTool[]): readonly Attribute[] {
  const shown = new Map(tools.flatMap((tool) => [...tool.arguments]).filter((argument) => argument[1] !== undefined));
  return [
    ...fixed,
    ...claims.map(claim),
    ...parameters.map(parameter),
    ...[...shown].map(([name, type]) => argument(name, type ?? 'String')),
  ];
}

/** Claims of the workload's own token that policies may read, all optional. Others never reach policy. */
const claims = ['namespace', 'service_account', 'pod', 'node'] as const;

const fixed: readonly Attribute[] = [
  stable('principal.issuer', (r) => r.principal.issuer),
  stable('principal.subject', (r) => r.principal.subject),
  stable('principal.kind', (r) => r.principal.kind),
  { ...stable('resource.template', (r) => (r.operation.templated ? r.operation.resource : undefined)), optional: true },
  stable('context.task.id', (r) => r.task.id),
  { ...stable('context.task.intent', (r) => r.task.intent), type: 'Intent' },
  { ...stable('context.task.attested', (r) => r.task.attested), type: 'Bool' },
  { ...stable('context.task.subject', (r) => r.task.subject), optional: true },
  { ...stable('context.task.planned', (r) => r.planned), type: 'Bool' },
  stable('context.task.origin', (r) => r.task.origin),
  stable('context.http.method', (r) => r.operation.method ?? r.operation.action),
  stable('context.http.host', (r) => r.target.host),
  volatile('context.http.path', (r) => r.target.path),
  { ...volatile('context.http.query.text', (r) => r.target.query.slice(1)), secret: 'whole' },
  { ...volatile('context.http.query.names', (r) => queryOf(r).names), type: 'Set' },
  { ...volatile('context.http.query.pairs', (r) => queryOf(r).pairs), type: 'Set', secret: 'values' },
  ...of(
    ['call_method'],
    [volatile('context.grpc.service', (r) => r.operation.grpc?.service), volatile('context.grpc.method', (r) => r.operation.grpc?.method)],
  ),
  ...of(
    ['infer'],
    [
      stable('context.llm.api', (r) => r.operation.llm?.api),
      volatile('context.llm.model', (r) => r.operation.llm?.model),
      { ...stable('context.llm.streaming', (r) => r.operation.llm?.streaming), type: 'Bool' },
      { ...stable('context.llm.stored', (r) => r.operation.llm?.stored), type: 'Bool' },
      { ...volatile('context.llm.max_tokens', (r) => r.operation.llm?.maxTokens), type: 'Long', optional: true },
      { ...volatile('context.llm.tools', (r) => r.operation.llm?.tools), type: 'Set' },
      { ...volatile('context.llm.provider_tools', (r) => r.operation.llm?.providerTools), type: 'Set' },
      { ...volatile('context.llm.servers', (r) => r.operation.llm?.servers), type: 'Set' },
      { ...volatile('context.llm.members', (r) => r.operation.llm?.members), type: 'Set' },
    ],
  ),
  ...of(Object.keys(messageActionsOf.a2a), [
    stable('context.a2a.method', (r) => r.operation.a2a?.method),
    { ...stable('context.a2a.streaming', (r) => r.operation.a2a?.streaming), type: 'Bool' },
    { ...volatile('context.a2a.notifies', (r) => r.operation.a2a?.notifies), type: 'Set' },
  ]),
  ...of(Object.keys(messageActionsOf.mcp), [stable('context.mcp.method', (r) => r.operation.mcp?.method)]),
  ...of(
    ['call_tool'],
    [
      volatile('context.mcp.tool', (r) => r.operation.mcp?.name),
      { ...stable('context.mcp.opaque', (r) => r.operation.mcp?.opaque ?? true), type: 'Bool' },
    ],
  ),
  ...of(['get_prompt'], [volatile('context.mcp.prompt', (r) => r.operation.mcp?.name)]),
  ...of(['read_resource'], [volatile('context.mcp.uri', (r) => r.operation.mcp?.name)]),
  { ...volatile('context.time', (r) => r.time), type: 'Time' },
];

/** Only calls with these actions have them; anybody else's policies must not look for them. */
function of(actions: readonly string[], attributes: readonly Attribute[]): readonly Attribute[] {
  const set = new Set(actions);
  return attributes.map((attribute) => ({ ...attribute, actions: set }));
}

function stable(path: string, read: Attribute['read']): Attribute {
  return { path: path.split('.'), type: 'String', optional: false, volatile: false, read };
}

function volatile(path: string, read: Attribute['read']): Attribute {
  return { ...stable(path, read), volatile: true };
}

function claim(name: string): Attribute {
  const read = (request: AccessRequest) => {
    const value = request.principal.attributes[name];
    return typeof value === 'object' || value === undefined ? undefined : String(value);
  };
  return { ...stable('', read), path: ['principal', name], optional: true };
}

function parameter(name: string): Attribute {
  const read = ({ operation }: AccessRequest) => (Object.hasOwn(operation.parameters, name) ? operation.parameters[name] : undefined);
  const named = credentialAmong([name], new Set()) === undefined ? {} : ({ secret: 'whole' } as const);
  return { ...volatile('', read), path: ['context', 'http', 'parameters', name], optional: true, ...named };
}

/** Of a Bool there are two, so that a key may hold it. What may hold a secret is for the audit to digest. */
function argument(name: string, type: ArgumentType): Attribute {
  const read = ({ operation: { mcp } }: AccessRequest) =>
    mcp?.arguments !== undefined && Object.hasOwn(mcp.arguments, name) ? shownArgument(mcp.arguments[name], type) : undefined;
  return {
    path: ['context', 'mcp', 'arguments', name],
    type: type === 'Strings' ? 'Set' : type,
    optional: true,
    actions: new Set(['call_tool']),
    volatile: type !== 'Bool',
    secret: 'whole',
    read,
  };
}

interface Query {
  readonly names: readonly string[];
  readonly pairs: readonly string[];
}

let lastText = '';
let lastQuery: Query = { names: [], pairs: [] };

/** Parsed as HTML forms are; several tests of one call ask for the same text, which is why the last one is kept. */
function queryOf({ target }: AccessRequest): Query {
  if (target.query !== lastText) {
    const pairs = [...new URLSearchParams(target.query)];
    lastQuery = { names: pairs.map(([name]) => name), pairs: pairs.map(([name, value]) => `${name}=${value}`) };
    lastText = target.query;
  }
  return lastQuery;
}
