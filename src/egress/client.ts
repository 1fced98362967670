import { isIP } from 'node:net';
import { checkServerIdentity, getCACertificates } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { Agent, buildConnector, fetch, Pool, type Dispatcher } from 'undici';
import type { PeerNetwork } from '../destination.ts';
import { ExeatError } from '../errors.ts';
import { assertAddress, assertName, guardedLookup, type AddressRules, type Resolve } from './address-guard.ts';
import { ignoreContinue } from './continue.ts';
import { bare } from './dial.ts';

/** Whom to dial, by name; TLS and `Host` use this name whatever `connectTo` says. */
export interface Origin {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
}

/** Connection pools to the peers of one configuration: one per origin, each dial guarded. */
export interface Clients extends AsyncDisposable {
  to(origin: Origin, network: PeerNetwork): Dispatcher;
  /** A bare connection, outside of all pools and with no TLS of ours. Each side closes its own half. */
  dial(origin: Omit<Origin, 'scheme'>, network: PeerNetwork): ReturnType<typeof bare>;
  /** Whose bytes are being read just now: asked in a handler's callback, the checked address that answers this call. */
  readonly answering: string | undefined;
}

/** What the guard knows of the host that it runs on. */
export interface GuardedHost {
  /** Ports of our own listeners. */
  readonly ownPorts: ReadonlySet<number>;
  /** How names become addresses, if not as the operating system does it. */
  readonly resolve?: Resolve | undefined;
}

/** A wildcard destination lets the agent choose names: idle pools beyond this number are closed, the least used first. */
const maxPools = 256;
const maxConnectionsPerPool = 1024;

export function createClients(at: GuardedHost): Clients {
  const closing = new Set<Promise<unknown>>();
  const byNetwork = new Map<PeerNetwork, LRUCache<string, Pool>>();
  const poolsOf = (network: PeerNetwork) => {
    const known = byNetwork.get(network);
    if (known !== undefined) return known;
    const pools = new LRUCache<string, Pool>({ max: maxPools, dispose: (pool) => void closing.add(pool.close().catch(() => {})) });
    byNetwork.set(network, pools);
    return pools;
  };
  const reading: Reading = { address: undefined };
  return {
    get answering() {
      return reading.address;
    },
    to(origin, network) {
      const pools = poolsOf(network);
      const known = pools.get(origin.host);
      if (known !== undefined) return known;
      const pool = createPool(origin, network, { at, reading });
      pools.set(origin.host, pool);
      return pool;
    },
    dial: (origin, network) =>
      bare(guardedConnector({ ...origin, scheme: 'http' }, network, { at, reading: { address: undefined } }), origin),
    async [Symbol.asyncDispose]() {
      for (const pools of byNetwork.values()) pools.clear();
      await Promise.all(closing);
    },
  };
}

interface Reading {
  address: string | undefined;
}

interface Shared {
  readonly at: GuardedHost;
  readonly reading: Reading;
}

function createPool(origin: Origin, network: PeerNetwork, shared: Shared): Pool {
  const { scheme, host, port } = origin;
  return new Pool(`${scheme}://${host}:${port}`, {
    connect: guardedConnector(origin, network, shared),
    connections: maxConnectionsPerPool,
    pipelining: 1,
    allowH2: false,
    headersTimeout: network.headersTimeoutMs,
    bodyTimeout: network.idleTimeoutMs,
    maxHeaderSize: 64 * 1024,
  });
}

/** Dials `connectTo` or the origin itself; every address is checked before the dial and the connected one after it. */
function guardedConnector(origin: Origin, network: PeerNetwork, { at, reading }: Shared): buildConnector.connector {
  const loopbackOnly = origin.scheme === 'http' && network.unsafeCleartext;
  const rules: AddressRules = { allowPrivate: network.allowPrivate, ownPorts: at.ownPorts, loopbackOnly };
  const name = origin.host.replace(/^\[(.*)\]$/, '$1');
  const dialHost = network.connectTo?.host ?? name;
  const dialPort = network.connectTo?.port ?? origin.port;
  const connect = buildConnector({
    allowH2: false,
    timeout: network.connectTimeoutMs,
    lookup: guardedLookup(dialPort, rules, at.resolve),
    autoSelectFamily: true,
    // Without SNI, as for an address, Node would verify the one that is dialled.
    checkServerIdentity: (_dialled, certificate) => checkServerIdentity(name, certificate),
    ...(network.ca === undefined ? {} : { ca: [...getCACertificates('default'), network.ca] }),
  });
  return (options, callback) => {
    try {
      assertName(dialHost);
      if (isIP(dialHost) !== 0) assertAddress(dialHost, dialPort, rules);
    } catch (error) {
      callback(error instanceof Error ? error : new ExeatError('internal_error'), null);
      return;
    }
    const servername = isIP(name) === 0 ? name : undefined;
    // With a literal address undici would dial the server name instead, so TLS to a literal goes without SNI.
    connect(
      {
        ...options,
        hostname: dialHost,
        port: String(dialPort),
        ...(servername !== undefined && origin.scheme === 'https' ? { servername } : {}),
      },
      (error, socket) => {
        if (error !== null) return callback(error, null);
        try {
          const address = socket.remoteAddress ?? '';
          assertAddress(address, dialPort, rules);
          // Before undici's own listener, so that each of its callbacks can tell which connection it serves.
          socket.on('readable', () => {
            reading.address = address;
          });
          callback(null, socket);
          ignoreContinue(socket);
          return;
        } catch (refused) {
          socket.destroy();
          return callback(refused instanceof Error ? refused : new ExeatError('internal_error'), null);
        }
      },
    );
  };
}

/** A `fetch` for calls of Exeat's own, to an authority or for a JWKS: through the same guard, no redirect followed. */
export type GuardedFetch = (url: string, init: object) => Promise<Response>;

/** Closes its connections when disposed. */
export function createGuardedFetch(network: PeerNetwork, at: GuardedHost): { readonly fetch: GuardedFetch } & AsyncDisposable {
  const shared: Shared = { at, reading: { address: undefined } };
  const agent = new Agent({ factory: (origin) => createPool(originOf(origin), network, shared) });
  return {
    fetch: (url, init) => fetch(url, { redirect: 'manual', ...init, dispatcher: agent }),
    [Symbol.asyncDispose]: () => agent.close(),
  };
}

function originOf(url: string | URL): Origin {
  const { protocol, hostname, port } = new URL(url);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { scheme, host: hostname, port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port) };
}
