import type { Destination } from '../destination.ts';
import { type DestinationConfig, tlsOf } from './destination.ts';
import { modelSettings } from './models.ts';
import { endpointsOf } from './network-checks.ts';
import { readPem } from './pem.ts';
import { ConfigError, type LocatedProblem } from './problems.ts';
import { type Proxied, proxiedBy } from './proxied.ts';
import type { Config } from './schema.ts';
import { agreeOnArguments } from '../tool-arguments.ts';
import { readTools } from './tools.ts';

/** The destinations as the stages see them. Reads their CA files; throws a ConfigError that names all that cannot be used. */
export function destinationsOf(config: Config): Destination[] {
  const problems = createProblems();
  const proxied = proxiedBy(config, problems.at('upstream_proxy', 'ca'));
  const destinations = Object.entries(config.destinations).map(([name, settings]) =>
    destinationOf(name, settings, { proxied, at: (...path) => problems.at('destinations', name, ...path) }),
  );
  problems.throwAny();
  return agreeOnArguments(destinations);
}

function destinationOf(
  name: string,
  settings: DestinationConfig,
  { proxied, at }: { readonly proxied: Proxied; readonly at: (...path: string[]) => (message: string) => void },
): Destination {
  const endpoints = endpointsOf(settings).map(({ endpoint }) => endpoint);
  const [first] = endpoints;
  if (first === undefined) throw new Error(`the destination "${name}" has no host`);
  const { timeouts, tools } = settings;
  const hosts = endpoints.map((endpoint) => endpoint.name);
  return {
    name,
    scheme: first.scheme,
    hosts,
    port: first.port,
    ...(settings.route === undefined ? {} : { route: settings.route }),
    basePath: settings.url?.path ?? '',
    protocol: settings.protocol,
    ...(settings.protocol === 'grpc' ? { http2: true } : {}),
    tls: tlsOf(settings),
    operations: settings.operations,
    ...(settings.models === undefined ? {} : { models: modelSettings(settings.models) }),
    ...(tools?.reviewed === undefined ? {} : { tools: readTools(tools.reviewed, name, at('tools', 'reviewed')) }),
    ...(refusesChanged(tools) ? { refusesChangedTools: true } : {}),
    ...(settings.protocol === 'mcp'
      ? { mcp: { path: settings.mcp?.path ?? pathOf(settings, '/mcp'), revision: settings.mcp?.revision } }
      : {}),
    ...(settings.protocol === 'a2a' ? { a2a: { path: settings.a2a?.path ?? pathOf(settings, '/') } } : {}),
    ...(tools?.undeclared_arguments === 'opaque' ? { passesUndeclaredArguments: true } : {}),
    credentialKind: settings.credential?.kind,
    ...(settings.body_limit === undefined ? {} : { bodyLimitBytes: settings.body_limit }),
    keepHeaders: new Set(settings.unsafe_keep),
    passCookies: settings.pass_cookies,
    allowEncodedPath: settings.unsafe_encoded_path,
    unsafeReflection: settings.unsafe_reflection,
    ...(settings.observe === undefined ? {} : { observeUntil: settings.observe.until }),
    ...(settings.connect_to === undefined ? {} : { connectTo: settings.connect_to }),
    ...proxied.amongst(hosts, settings.connect_to),
    allowPrivate: settings.allow_private,
    ...(settings.ca === undefined ? {} : { ca: readPem(settings.ca, at('ca')) }),
    unsafeCleartext: settings.unsafe_cleartext && settings.credential !== undefined,
    connectTimeoutMs: timeouts.connect,
    headersTimeoutMs: timeouts.headers,
    idleTimeoutMs: timeouts.idle,
  };
}

function refusesChanged(tools: DestinationConfig['tools']): boolean {
  return (tools?.changed ?? (tools?.reviewed === undefined ? 'record' : 'refuse')) === 'refuse';
}

function pathOf({ url }: DestinationConfig, otherwise: string): string {
  return url === undefined ? otherwise : url.path || '/';
}

/** Collects what is wrong with files, by the keys that name them. */
function createProblems() {
  const problems: LocatedProblem[] = [];
  return {
    at:
      (...path: LocatedProblem['path']) =>
      (message: string) =>
        void problems.push({ path, line: undefined, message }),
    throwAny() {
      if (problems.length > 0) throw new ConfigError('configuration', problems);
    },
  };
}
