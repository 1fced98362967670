import { isIP } from 'node:net';
import { addressProblem, assertName } from '../egress/address-guard.ts';
import type { DestinationConfig } from './destination.ts';
import { type Endpoint, isLoopback } from './hosts.ts';
import type { ListenAddress } from './listen.ts';
import type { Problem } from './problems.ts';
import type { Config } from './schema.ts';

/** Where a destination is, and where in the file that is said. */
export function endpointsOf({
  hosts,
  url,
}: DestinationConfig): { readonly endpoint: Endpoint; readonly at: readonly (string | number)[] }[] {
  if (url !== undefined) return [{ endpoint: url, at: ['url'] }];
  return (hosts ?? []).map((endpoint, index) => ({ endpoint, at: ['hosts', index] }));
}

/** Where a destination may not be, as far as the file shows it; what names resolve to is checked at each connection. */
export function networkProblems(name: string, destination: DestinationConfig, config: Config): Problem[] {
  const own = ownListenerProblems(name, destination, config);
  return [...cleartextProblems(name, destination), ...(own.length > 0 ? own : addressProblems(name, destination))];
}

/** The proxy is no destination, and no less guarded. */
export function upstreamProxyProblems({ upstream_proxy: settings, listen }: Config): Problem[] {
  if (settings === undefined) return [];
  const path = ['upstream_proxy', 'url'];
  const { name, port } = settings.url;
  const host = name.replace(/^\[|\]$/g, '');
  const own = ownListener({ host, port }, listen);
  if (own !== undefined) return [{ path, message: `is Exeat's own "${own}" listener` }];
  const message = prohibited(host, settings.allow_private);
  return message === undefined ? [] : [{ path, message }];
}

function cleartextProblems(name: string, destination: DestinationConfig): Problem[] {
  if (destination.credential === undefined) return [];
  return endpointsOf(destination).flatMap(({ endpoint, at }) => {
    if (endpoint.scheme === 'https') return [];
    const dialled = destination.connect_to?.host ?? endpoint.name;
    const path = ['destinations', name, ...at];
    if (!isLoopback(dialled)) return [{ path, message: `a credential never leaves in clear: use https for "${dialled}"` }];
    return destination.unsafe_cleartext
      ? []
      : [{ path, message: 'a credential over http needs "unsafe_cleartext: true", and reaches loopback only' }];
  });
}

function ownListenerProblems(name: string, destination: DestinationConfig, { listen }: Config): Problem[] {
  return dialledBy(destination).flatMap(({ host, port, at }) => {
    const own = ownListener({ host, port }, listen);
    if (own === undefined) return [];
    return [{ path: ['destinations', name, ...at], message: `is Exeat's own "${own}" listener, which is never a destination` }];
  });
}

function ownListener({ host, port }: { readonly host: string; readonly port: number }, listen: Config['listen']): string | undefined {
  return (['proxy', 'control', 'health'] as const).find((each) => reaches(host, port, listen[each]));
}

function reaches(host: string, port: number, address: ListenAddress): boolean {
  if ('path' in address || address.port === 0 || address.port !== port) return false;
  return isLoopback(host) || host === address.host;
}

function addressProblems(name: string, destination: DestinationConfig): Problem[] {
  return dialledBy(destination).flatMap(({ host, at }) => {
    const message = prohibited(host, destination.allow_private);
    return message === undefined ? [] : [{ path: ['destinations', name, ...at], message }];
  });
}

function prohibited(host: string, allowPrivate: boolean): string | undefined {
  if (isIP(host) === 0) return isMetadataName(host) ? 'is a metadata service, which is never a destination' : undefined;
  const problem = addressProblem(host, { allowPrivate, ownPorts: new Set() });
  if (problem === 'private') return 'is a private address, which needs "allow_private: true"';
  return problem === undefined ? undefined : 'is an address that is never a destination (metadata, link-local or no host)';
}

function isMetadataName(host: string): boolean {
  try {
    assertName(host);
    return false;
  } catch {
    return true;
  }
}

/** What is dialled: `connect_to`, or the destination's own hosts. Addresses without brackets. */
function dialledBy(
  destination: DestinationConfig,
): { readonly host: string; readonly port: number; readonly at: readonly (string | number)[] }[] {
  if (destination.connect_to !== undefined) return [{ ...destination.connect_to, at: ['connect_to'] }];
  return endpointsOf(destination).map(({ endpoint: { name, port }, at }) => ({ host: name.replace(/^\[|\]$/g, ''), port, at }));
}
