import type { Destination, PeerNetwork } from '../destination.ts';
import { readPlainFile } from '../plain-file.ts';
import { endpointsOf } from './network-checks.ts';
import { type DestinationConfig, tlsOf } from './destination.ts';
import { ConfigError, type LocatedProblem } from './problems.ts';
import type { Config } from './schema.ts';

const largestPemBytes = 4 * 1024 ** 2;

/** The destinations as the stages see them. Reads their CA files; throws a ConfigError that names all that cannot be used. */
export function destinationsOf(config: Config): Destination[] {
  const problems: LocatedProblem[] = [];
  const destinations = Object.entries(config.destinations).map(([name, settings]) =>
    destinationOf(name, settings, (message) => problems.push({ path: ['destinations', name, 'ca'], line: undefined, message })),
  );
  if (problems.length > 0) throw new ConfigError('configuration', problems);
  return destinations;
}

/** How to reach the authority; undefined without one. Reads its CA file. */
export function authorityNetworkOf({ authority }: Config): PeerNetwork | undefined {
  if (authority === undefined) return undefined;
  const { connect_to: connectTo, ca, timeouts } = authority;
  const problems: LocatedProblem[] = [];
  const pem =
    ca === undefined ? undefined : readPem(ca, (message) => problems.push({ path: ['authority', 'ca'], line: undefined, message }));
  if (problems.length > 0) throw new ConfigError('configuration', problems);
  return {
    ...(connectTo === undefined ? {} : { connectTo }),
    ...(pem === undefined ? {} : { ca: pem }),
    // Clear text is for loopback alone, which is a private range.
    allowPrivate: authority.allow_private || authority.unsafe_cleartext,
    unsafeCleartext: authority.unsafe_cleartext,
    connectTimeoutMs: timeouts.connect,
    headersTimeoutMs: timeouts.headers,
    idleTimeoutMs: timeouts.idle,
  };
}

function destinationOf(name: string, settings: DestinationConfig, report: (message: string) => void): Destination {
  const endpoints = endpointsOf(settings).map(({ endpoint }) => endpoint);
  const [first] = endpoints;
  if (first === undefined) throw new Error(`the destination "${name}" has no host`);
  const { timeouts } = settings;
  return {
    name,
    scheme: first.scheme,
    hosts: endpoints.map((endpoint) => endpoint.name),
    port: first.port,
    ...(settings.route === undefined ? {} : { route: settings.route }),
    basePath: settings.url?.path ?? '',
    protocol: settings.protocol,
    tls: tlsOf(settings),
    operations: settings.operations,
    credentialKind: settings.credential?.kind,
    ...(settings.body_limit === undefined ? {} : { bodyLimitBytes: settings.body_limit }),
    keepHeaders: new Set(settings.unsafe_keep),
    passCookies: settings.pass_cookies,
    allowEncodedPath: settings.unsafe_encoded_path,
    ...(settings.observe === undefined ? {} : { observeUntil: settings.observe.until }),
    ...(settings.connect_to === undefined ? {} : { connectTo: settings.connect_to }),
    allowPrivate: settings.allow_private,
    ...(settings.ca === undefined ? {} : { ca: readPem(settings.ca, report) }),
    unsafeCleartext: settings.unsafe_cleartext && settings.credential !== undefined,
    connectTimeoutMs: timeouts.connect,
    headersTimeoutMs: timeouts.headers,
    idleTimeoutMs: timeouts.idle,
  };
}

function readPem(path: string, report: (message: string) => void): string {
  try {
    const pem = readPlainFile(path, largestPemBytes).toString();
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) report(`there is no PEM certificate in ${path}`);
    return pem;
  } catch (error) {
    report(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return '';
  }
}
