import { credentialConfig } from '../credentials/registry.ts';
import { credentialAmong, fieldName, protocolsField } from '../fields.ts';
import { duration, date, size, z } from '../settings.ts';
import { baseUrl, hostAndPort, hostPattern } from './hosts.ts';
import { modelsConfig } from './models.ts';
import { operations } from './operations.ts';
import { a2aConfig, mcpConfig, toolsConfig } from './tools.ts';

const protocols = ['http', 'mcp', 'llm', 'a2a', 'grpc', 'tunnel'] as const;
/** What may be relayed unread; all other protocols are pinned to be read. */
const unread: ReadonlySet<string> = new Set(['http', 'tunnel']);

const route = z
  .string()
  .regex(/^(\/[a-z0-9][a-z0-9._~-]*)+$/, 'expected a path prefix such as /tickets: lower case, no trailing slash')
  .meta({ description: "path prefix on the proxy's own address", examples: ['/tickets'] });

const protocol = z
  .enum(protocols, { error: ({ input }) => `expected one of ${protocols.join(', ')}, not "${String(input)}"` })
  .prefault('http')
  .meta({
    description:
      'pinned here, never sniffed; grpc: HTTP/2 to the destination, and policy sees service and method; tunnel: TLS with something inside that is not HTTP, reached by CONNECT alone',
    examples: ['http'],
  });

const tls = z.enum(['intercept', 'tunnel']).optional().meta({
  description:
    'what a CONNECT is: read call by call (the default), or relayed unread after one decision on host and port, without a credential (the default with protocol: tunnel)',
});

const timeouts = z
  .strictObject({
    connect: duration.prefault('10s'),
    headers: duration.prefault('60s').meta({ description: "from the request being sent to the answer's head" }),
    idle: duration.prefault('0s').meta({ description: 'longest silence inside a body, or of both sides of a WebSocket; 0s = none' }),
  })
  .prefault({});

/** One entry under `destinations`. Reached by `hosts` on the forward door, or by `route`, which stands for `url`. */
export const destinationConfig = z
  .strictObject({
    hosts: z.array(hostPattern).min(1).optional(),
    route: route.optional(),
    url: baseUrl.optional(),
    protocol,
    tls,
    operations: operations.default([]),
    mcp: mcpConfig,
    a2a: a2aConfig,
    tools: toolsConfig,
    models: modelsConfig,
    credential: credentialConfig.optional(),
    observe: z.strictObject({ until: date }).optional().meta({ description: 'forwards and marks what policy would deny, until that day' }),
    connect_to: hostAndPort.optional().meta({ description: "dialled instead; TLS and Host keep the destination's name" }),
    allow_private: z.boolean().default(false).meta({ description: 'private and loopback addresses; metadata services never' }),
    ca: z.string().min(1).optional().meta({ description: 'PEM file of roots to trust beside the public ones' }),
    unsafe_cleartext: z.boolean().default(false).meta({ description: 'lets the credential travel over http, to loopback only' }),
    timeouts,
    body_limit: size.optional().meta({ description: 'largest request body; unlimited unless said' }),
    unsafe_keep: z
      .array(
        z
          .string()
          .toLowerCase()
          .refine(isRemoved, 'is nothing that Exeat removes, so there is nothing to keep: expected a credential header or query name'),
      )
      .default([])
      .meta({ description: "the agent's own credential headers and query names that may pass" }),
    pass_cookies: z.boolean().default(false),
    unsafe_encoded_path: z
      .boolean()
      .default(false)
      .meta({ description: 'paths with ";", %2F, %40 and the like, which origins read differently' }),
    unsafe_reflection: z
      .boolean()
      .default(false)
      .meta({ description: 'answers are passed on unread: a credential that the destination echoes reaches the agent' }),
  })
  .superRefine((destination, context) => {
    for (const { path, message } of [
      ...problemsOf(destination),
      ...tunnelProblems(destination),
      ...grpcProblems(destination),
      ...messageProblems(destination),
    ])
      context.addIssue({ code: 'custom', path: [path], message });
  });

export type DestinationConfig = z.output<typeof destinationConfig>;

/** What a CONNECT to it is. */
export function tlsOf({ tls, protocol }: Pick<DestinationConfig, 'tls' | 'protocol'>): 'intercept' | 'tunnel' {
  return tls ?? (protocol === 'tunnel' ? 'tunnel' : 'intercept');
}

function isRemoved(name: string): boolean {
  const { field, twin } = fieldName(name);
  return (field?.credential === true && !twin) || name === protocolsField || credentialAmong([name], new Set()) !== undefined;
}

function problemsOf({ hosts, route, url }: Pick<DestinationConfig, 'hosts' | 'route' | 'url'>): { path: string; message: string }[] {
  if (hosts !== undefined && (route ?? url) !== undefined) {
    return [{ path: 'hosts', message: 'give either "hosts", or "route" and "url"' }];
  }
  if (hosts === undefined && route === undefined && url === undefined) {
    return [{ path: 'hosts', message: 'is required (or "route" and "url")' }];
  }
  if (hosts === undefined) {
    if (url === undefined) return [{ path: 'url', message: 'is required with "route"' }];
    if (route === undefined) return [{ path: 'route', message: 'is required with "url"' }];
    return [];
  }
  const [first] = hosts;
  return hosts.flatMap((host, index) => {
    const earlier = hosts.findIndex((other) => other.name === host.name && other.port === host.port);
    if (earlier < index) return [{ path: 'hosts', message: `"${host.name}" stands twice` }];
    if (host.scheme === first?.scheme && host.port === first.port) return [];
    return [{ path: 'hosts', message: `"${host.name}": all hosts of one destination share one scheme and port` }];
  });
}

function grpcProblems({ protocol, route, operations }: Pick<DestinationConfig, 'protocol' | 'route' | 'operations'>): {
  path: string;
  message: string;
}[] {
  if (protocol !== 'grpc') return [];
  const odd = operations.find((template) => !/^\/[^/]+\/[^/]+$/.test(template));
  return [
    ...(route === undefined ? [] : [{ path: 'route', message: 'gRPC is HTTP/2, which a route does not speak: use "hosts"' }]),
    ...(odd === undefined ? [] : [{ path: 'operations', message: `"${odd}" is no method: a call of gRPC is /package.Service/Method` }]),
  ];
}

/** Keys that say how messages of one protocol are read. */
const ofProtocol = { mcp: 'mcp', tools: 'mcp', models: 'llm', a2a: 'a2a' } as const;

function messageProblems(destination: Pick<DestinationConfig, 'protocol' | keyof typeof ofProtocol>): { path: string; message: string }[] {
  return (Object.keys(ofProtocol) as (keyof typeof ofProtocol)[])
    .filter((key) => destination[key] !== undefined && destination.protocol !== ofProtocol[key])
    .map((key) => ({ path: key, message: `is for a destination with "protocol: ${ofProtocol[key]}"` }));
}

type Tunnelled = Pick<DestinationConfig, 'tls' | 'protocol' | 'hosts' | 'route' | 'credential' | 'operations'>;

/** A tunnel hides what is inside: from policy, and from whoever would add a credential. */
function tunnelProblems(destination: Tunnelled): { path: string; message: string }[] {
  const { protocol, hosts, route, credential, operations } = destination;
  if (tlsOf(destination) === 'intercept') {
    return protocol === 'tunnel' ? [{ path: 'tls', message: 'protocol "tunnel" cannot be read, so there is nothing to intercept' }] : [];
  }
  const path = destination.tls === undefined ? 'protocol' : 'tls';
  const problems: { path: string; message: string }[] = [];
  if (!unread.has(protocol)) problems.push({ path, message: `protocol "${protocol}" is read call by call, which a tunnel prevents` });
  if (credential !== undefined)
    problems.push({ path, message: 'a tunnel is relayed unread, so no "credential" can be added: use "intercept"' });
  if (route !== undefined) problems.push({ path, message: 'a route is read call by call; a tunnel needs "hosts"' });
  if (hosts?.some(({ scheme }) => scheme === 'http') === true)
    problems.push({ path, message: 'a tunnel carries TLS; what is http is read' });
  if (protocol === 'tunnel' && operations.length > 0) problems.push({ path: 'operations', message: 'a tunnel has no paths' });
  return problems;
}
