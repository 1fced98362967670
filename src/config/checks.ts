import { didYouMean } from '../nearest.ts';
import type { DestinationConfig } from './destination.ts';
import { type Endpoint, isLoopback, originOf } from './hosts.ts';
import type { ListenAddress } from './listen.ts';
import type { Problem } from './problems.ts';
import type { Config } from './schema.ts';

/** Names as the file has them, also those of entries that could not be read. */
export interface DeclaredNames {
  readonly destinations: readonly string[];
  readonly intents: readonly string[];
}

/** What is wrong between parts of the file that are each in order. */
export function crossProblems(config: Config, names: DeclaredNames): Problem[] {
  return [
    ...intentProblems(config, names),
    ...hostClaims(config),
    ...routeClaims(config),
    ...Object.entries(config.destinations).flatMap(([name, destination]) => [
      ...cleartextProblems(name, destination),
      ...ownListenerProblems(name, destination, config),
      ...exchangeProblems(name, destination, config),
    ]),
  ];
}

/** Where a destination is, and where in the file that is said. */
export function endpointsOf({
  hosts,
  url,
}: DestinationConfig): { readonly endpoint: Endpoint; readonly at: readonly (string | number)[] }[] {
  if (url !== undefined) return [{ endpoint: url, at: ['url'] }];
  return (hosts ?? []).map((endpoint, index) => ({ endpoint, at: ['hosts', index] }));
}

function intentProblems({ intents, tasks }: Config, names: DeclaredNames): Problem[] {
  const unknown = Object.entries(intents).flatMap(([intent, { destinations }]) =>
    destinations.flatMap((name, index) =>
      names.destinations.includes(name)
        ? []
        : [{ path: ['intents', intent, 'destinations', index], message: missing('destination', name, names.destinations) }],
    ),
  );
  const { default_intent: byDefault } = tasks;
  if (byDefault === undefined || names.intents.includes(byDefault)) return unknown;
  return [...unknown, { path: ['tasks', 'default_intent'], message: missing('intent', byDefault, names.intents) }];
}

function missing(what: string, name: string, names: readonly string[]): string {
  return `there is no ${what} "${name}"${didYouMean(name, names)}`;
}

/** A wildcard claims every name it matches. */
function hostClaims({ destinations }: Config): Problem[] {
  const claims: { readonly endpoint: Endpoint; readonly owner: string }[] = [];
  const problems: Problem[] = [];
  for (const [owner, destination] of Object.entries(destinations)) {
    for (const { endpoint, at } of endpointsOf(destination)) {
      const rival = claims.find((claim) => claim.owner !== owner && overlap(claim.endpoint, endpoint));
      const both = rival?.endpoint.name === endpoint.name ? '' : ` (as ${rival?.endpoint.name})`;
      if (rival !== undefined) {
        problems.push({
          path: ['destinations', owner, ...at],
          message: `${originOf(endpoint)} belongs to the destination "${rival.owner}" already${both}`,
        });
      }
      claims.push({ endpoint, owner });
    }
  }
  return problems;
}

function overlap(a: Endpoint, b: Endpoint): boolean {
  if (a.scheme !== b.scheme || a.port !== b.port) return false;
  return a.name === b.name || matches(a.name, b.name) || matches(b.name, a.name);
}

function matches(pattern: string, name: string): boolean {
  return pattern.startsWith('*.') && name.slice(name.indexOf('.')) === pattern.slice(1);
}

function routeClaims({ destinations }: Config): Problem[] {
  const taken: { readonly route: string; readonly owner: string }[] = [];
  return Object.entries(destinations).flatMap(([owner, { route }]) => {
    if (route === undefined) return [];
    const rival = taken.find((other) => `${other.route}/`.startsWith(`${route}/`) || `${route}/`.startsWith(`${other.route}/`));
    taken.push({ route, owner });
    if (rival === undefined) return [];
    const how = rival.route === route ? 'is' : `overlaps "${rival.route}",`;
    return [{ path: ['destinations', owner, 'route'], message: `${how} the route of "${rival.owner}" already` }];
  });
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
  const listeners = Object.entries({ proxy: listen.proxy, control: listen.control, health: listen.health });
  const { connect_to: instead } = destination;
  const dialled =
    instead === undefined
      ? endpointsOf(destination).map(({ endpoint: { name: host, port }, at }) => ({ host, port, at }))
      : [{ ...instead, at: ['connect_to'] }];
  return dialled.flatMap(({ host, port, at }) => {
    const own = listeners.find(([, address]) => reaches(host, port, address));
    if (own === undefined) return [];
    return [{ path: ['destinations', name, ...at], message: `is Exeat's own "${own[0]}" listener, which is never a destination` }];
  });
}

function reaches(host: string, port: number, address: ListenAddress): boolean {
  if ('path' in address || address.port === 0 || address.port !== port) return false;
  return isLoopback(host) || host.replace(/^\[|\]$/g, '') === address.host;
}

function exchangeProblems(name: string, { credential }: DestinationConfig, { authority }: Config): Problem[] {
  if (credential?.kind !== 'token-exchange' || authority !== undefined) return [];
  return [{ path: ['destinations', name, 'credential', 'kind'], message: 'token-exchange needs an "authority"' }];
}
