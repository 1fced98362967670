import type { Destination } from '../destination.ts';
import { isLike } from './expressions.ts';
import { methodGroups } from './schema.ts';

/** What a literal must be to stand against one attribute; any other can never be equal to it. */
export interface LiteralSet {
  /** `word` as its parts between wildcards; a plain literal is one part. */
  accepts(word: readonly string[]): boolean;
  /** For the message: what the attribute is, and the names that come into question. */
  readonly what: string;
  readonly names: readonly string[];
}

/** Attributes with a closed set of values, or values of one shape, by path; `destinations` are those in the policy's scope. */
export function literalSets(destinations: readonly Destination[]): ReadonlyMap<string, LiteralSet> {
  const hosts = destinations.flatMap((destination) => destination.hosts);
  const templates = destinations.flatMap((destination) => destination.operations);
  const grpc = destinations.filter(({ protocol }) => protocol === 'grpc');
  return new Map<string, LiteralSet>([
    ['context.grpc.service', grpcNames('a gRPC service of a destination in scope', grpc, 1)],
    ['context.grpc.method', grpcNames('a gRPC method of a destination in scope', grpc, 2)],
    ['context.http.method', oneOf('an HTTP method that policy knows', [...methodGroups.keys()])],
    ['context.http.host', { ...oneOf('a host of a destination in scope', hosts), accepts: (word) => isHost(word, hosts) }],
    ['context.http.path', { what: 'a path: it begins with "/"', names: [], accepts: isPath }],
    [
      'context.http.query.text',
      { what: 'a query: it stands without its "?"', names: [], accepts: ([first]) => first?.startsWith('?') === false },
    ],
    [
      'context.http.query.pairs',
      { what: 'a pair: it is written name=value', names: [], accepts: ([first]) => first?.includes('=') === true },
    ],
    ['context.mcp.tool', toolNames(destinations)],
    ['context.task.origin', oneOf('an origin of tasks', ['orchestrator', 'self_declared', 'default'])],
    ['principal.kind', oneOf('a kind of identity', ['jwt-svid', 'k8s-sa', 'oidc', 'local'])],
    ['resource.template', oneOf('an operation of a destination in scope', templates)],
  ]);
}

function oneOf(what: string, names: readonly string[]): LiteralSet {
  return { what, names, accepts: (word) => names.some((name) => isLike(name, word)) };
}

/** Reviewed tools of the destinations in scope; any, where one has none. */
function toolNames(destinations: readonly Destination[]): LiteralSet {
  const lists = destinations.filter(({ protocol }) => protocol === 'mcp').map(({ tools }) => tools);
  const closed = oneOf(
    'a reviewed tool of a destination in scope',
    lists.flatMap((tools) => [...(tools?.keys() ?? [])]),
  );
  return lists.every((tools) => tools !== undefined) ? closed : { ...closed, accepts: () => true };
}

/** The names that operations have in this segment; any, where a destination lists none or leaves that segment open. */
function grpcNames(what: string, destinations: readonly Destination[], segment: 1 | 2): LiteralSet {
  const lists = destinations.map(({ operations }) => operations.map((template) => template.split('/')[segment] ?? ''));
  const isOpen = lists.some((names) => names.length === 0 || names.some((name) => name.startsWith('{')));
  const closed = oneOf(what, lists.flat());
  return isOpen ? { ...closed, accepts: (word) => word.every((part) => !part.includes('/')) } : closed;
}

function isPath(word: readonly string[]): boolean {
  const [first = ''] = word;
  return first.startsWith('/') || (word.length > 1 && first === '');
}

/** `*.example.com` stands for exactly one label; a pattern against such a host is not judged. */
function isHost(word: readonly string[], hosts: readonly string[]): boolean {
  return hosts.some((host) => {
    if (!host.startsWith('*.')) return isLike(host, word);
    const [name = ''] = word;
    return word.length > 1 || (name.includes('.') && name.slice(name.indexOf('.')) === host.slice(1));
  });
}
