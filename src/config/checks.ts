import { folderProblem } from '../ingress/ca-config.ts';
import { didYouMean } from '../nearest.ts';
import { caFoldersOf } from './ca-folders.ts';
import type { DestinationConfig } from './destination.ts';
import { covers, type Endpoint, originOf } from './hosts.ts';
import { endpointsOf, networkProblems, upstreamProxyProblems } from './network-checks.ts';
import type { Problem } from './problems.ts';
import type { Config } from './schema.ts';

/** Names as the file has them, also those of entries that could not be read. */
export interface DeclaredNames {
  readonly destinations: readonly string[];
  readonly intents: readonly string[];
  readonly authority: boolean;
}

/** What is wrong between parts of the file that are each in order. */
export function crossProblems(config: Config, names: DeclaredNames): Problem[] {
  return [
    ...intentProblems(config, names),
    ...caProblems(config),
    ...upstreamProxyProblems(config),
    ...hostClaims(config),
    ...routeClaims(config),
    ...Object.entries(config.destinations).flatMap(([name, destination]) => [
      ...networkProblems(name, destination, config),
      ...exchangeProblems(name, destination, names),
    ]),
  ];
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

function caProblems(config: Config): Problem[] {
  const message = config.tls.ca.certificate === undefined ? folderProblem(caFoldersOf(config)) : undefined;
  return message === undefined ? [] : [{ path: ['tls', 'ca', 'publish'], message }];
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
  return a.name === b.name || covers(a.name, b.name) || covers(b.name, a.name);
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

function exchangeProblems(name: string, { credential }: DestinationConfig, { authority }: DeclaredNames): Problem[] {
  if (credential?.kind !== 'token-exchange' || authority) return [];
  return [
    {
      path: ['destinations', name, 'credential', 'kind'],
      message: 'token-exchange needs an "authority" (only "exeat run" has one of its own)',
    },
  ];
}
