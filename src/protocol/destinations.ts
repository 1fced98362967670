import type { Requested } from '../call.ts';
import type { Destination, Target } from '../destination.ts';
import { refuse, type Refusal } from '../errors.ts';

/** Which destination a call is for. */
export interface DestinationTable {
  readonly all: readonly Destination[];
  resolve(requested: Requested): Target | Refusal;
}

/** Expects what the config has checked: no two destinations claim one scheme, host and port, and no two the same route. */
export function createDestinationTable(all: readonly Destination[]): DestinationTable {
  const exact = new Map<string, Destination>();
  const wildcard = new Map<string, Destination>();
  const claim = (scheme: string, destination: Destination, port: number) => {
    for (const host of destination.hosts) {
      const [table, name] = host.startsWith('*.') ? [wildcard, host.slice(2)] : [exact, host];
      const key = `${scheme}://${name}:${port}`;
      if (!table.has(key)) table.set(key, destination);
    }
  };
  const forward = all.filter((destination) => destination.hosts.length > 0);
  for (const destination of forward) claim(destination.scheme, destination, destination.port);
  // The clear hop is loopback: http:// to an https destination is sent on over TLS, where no http destination claims the same.
  for (const destination of forward) {
    if (destination.scheme !== 'https') continue;
    claim('http', destination, destination.port);
    if (destination.port === 443) claim('http', destination, 80);
  }
  const routes = all.filter((destination) => destination.route !== undefined);

  return {
    all,
    resolve(requested) {
      if (requested.door === 'route') return resolveRoute(routes, requested);
      const { scheme, host, port, path, query } = requested;
      const destination = exact.get(`${scheme}://${host}:${port}`) ?? wildcard.get(`${scheme}://${parent(host)}:${port}`);
      // Inside a tunnel TLS is ours to the client too: nothing is lifted from http to https.
      const isLifted = destination !== undefined && (destination.scheme !== scheme || destination.port !== port);
      if (destination === undefined || (requested.door === 'tunnel' && isLifted)) return refuse('destination_unknown');
      return checked({ destination, host, path, query }, requested);
    },
  };
}

function resolveRoute(routes: readonly Destination[], requested: Requested): Target | Refusal {
  for (const destination of routes) {
    const { route = '', basePath, hosts } = destination;
    if (!requested.path.startsWith(route)) continue;
    const rest = requested.path.slice(route.length);
    if (rest !== '' && !rest.startsWith('/')) continue;
    const path = basePath === '' && rest === '' ? '/' : `${basePath}${rest}`;
    return checked({ destination, host: hosts[0] ?? '', path, query: requested.query }, requested);
  }
  return refuse('route_unknown');
}

function checked(target: Target, requested: Requested): Target | Refusal {
  if (target.destination.protocol === 'tunnel' && requested.path !== '') return refuse('tunnel_only');
  if (!requested.encodedReserved || target.destination.allowEncodedPath) return target;
  return refuse('ambiguous_path', {
    detail:
      'The path has ";" or a percent-encoded reserved character such as %2F or %40, which origins read differently. Leave it out, send it plain, or ask the operator for "unsafe_encoded_path" on this destination.',
  });
}

/** `*.name` is exactly one label. */
function parent(host: string): string {
  return host.slice(host.indexOf('.') + 1);
}
