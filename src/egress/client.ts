import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { Agent, fetch, Pool, Dispatcher, type buildConnector } from 'undici';
import type { PeerNetwork } from '../destination.ts';
import { ExeatError } from '../errors.ts';
import { createConnector, type GuardedHost, type Origin } from './connector.ts';
import { ignoreContinue } from './continue.ts';
import { Http2Pool } from './http2-pool.ts';

/** Connection pools to the peers of one configuration: one per origin, each dial guarded. */
export interface Clients extends AsyncDisposable {
  to(origin: Origin, network: PeerNetwork): ConnectionPool;
  /** A bare connection, outside of all pools and with no TLS of ours. Each side closes its own half. */
  dial(origin: Omit<Origin, 'scheme'>, network: PeerNetwork): Promise<Socket>;
  /** Whose bytes are being read just now: asked in a handler's callback, the checked address that answers this call. */
  readonly answering: string | undefined;
}

type ConnectionPool = Pick<Dispatcher, 'dispatch'> & { close(): Promise<void> };

/** A wildcard destination lets the agent choose names: idle pools beyond this number are closed, the least used first. */
const maxPools = 256;
/** Where all pools together have no limit. With one, a pool has none of its own: a call would wait in silence, as long as the calls of other tasks run. */
const maxConnectionsPerPool = 1024;

export function createClients(at: GuardedHost): Clients {
  const closing = new Set<Promise<unknown>>();
  const byNetwork = new Map<PeerNetwork, LRUCache<string, ConnectionPool>>();
  const poolsOf = (network: PeerNetwork) => {
    const known = byNetwork.get(network);
    if (known !== undefined) return known;
    const pools = new LRUCache<string, ConnectionPool>({
      max: maxPools,
      dispose: (pool) => void closing.add(pool.close().catch(() => {})),
    });
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
      const pool =
        network.http2 === true ? createHttp2Pool(origin, network, { at, reading }) : createPool(origin, network, { at, reading });
      pools.set(origin.host, pool);
      return pool;
    },
    async dial(origin, network) {
      const { socket } = await createConnector({ ...origin, scheme: 'http' }, network, at)();
      socket.allowHalfOpen = true;
      return socket;
    },
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
    connect: undiciConnector(origin, network, shared),
    connections: shared.at.connections === undefined ? maxConnectionsPerPool : null,
    pipelining: 1,
    allowH2: false,
    headersTimeout: network.headersTimeoutMs,
    bodyTimeout: network.idleTimeoutMs,
    maxHeaderSize: 64 * 1024,
  });
}

function createHttp2Pool(origin: Origin, network: PeerNetwork, { at, reading }: Shared): Http2Pool {
  return new Http2Pool({
    ...network,
    scheme: origin.scheme,
    connect: createConnector(origin, network, at),
    answering: (address) => {
      reading.address = address;
    },
  });
}

function undiciConnector(origin: Origin, network: PeerNetwork, { at, reading }: Shared): buildConnector.connector {
  const connect = createConnector(origin, network, at);
  const open = async (callback: buildConnector.Callback): Promise<void> => {
    const connection = await connect().catch((error: unknown) => (error instanceof Error ? error : new ExeatError('internal_error')));
    if (connection instanceof Error) return callback(connection, null);
    const { socket, address } = connection;
    // Before undici's own listener, so that each of its callbacks can tell which connection it serves.
    socket.on('readable', () => {
      reading.address = address;
    });
    callback(null, socket);
    ignoreContinue(socket);
  };
  return (_asked, callback) => void open(callback);
}

/** A `fetch` for calls of Exeat's own, to an authority or for a JWKS: through the same guard, no redirect followed. */
export type GuardedFetch = (url: string, init: object) => Promise<Response>;

/** Closes its connections when disposed. */
export interface GuardedClient extends AsyncDisposable {
  readonly fetch: GuardedFetch;
  /** From now on connections are made like this; what was sent before is answered on those that are there. */
  redirect(network: PeerNetwork): void;
}

export function createGuardedFetch(network: PeerNetwork, at: GuardedHost): GuardedClient {
  const shared: Shared = { at, reading: { address: undefined } };
  const open = (way: PeerNetwork) => new Agent({ factory: (origin) => createPool(originOf(origin), way, shared) });
  const closing: Promise<void>[] = [];
  let agent = open(network);
  const dispatcher = new (class extends Dispatcher {
    override dispatch: Dispatcher['dispatch'] = (options, handler) => agent.dispatch(options, handler);
  })();
  return {
    fetch: (url, init) => fetch(url, { redirect: 'manual', ...init, dispatcher }),
    redirect(next) {
      closing.push(agent.close());
      agent = open(next);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...closing, agent.close()]);
    },
  };
}

function originOf(url: string | URL): Origin {
  const { protocol, hostname, port } = new URL(url);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { scheme, host: hostname, port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port) };
}
