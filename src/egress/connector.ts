import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, createSecureContext, getCACertificates } from 'node:tls';
import { buildConnector } from 'undici';
import type { PeerNetwork, UpstreamProxy } from '../destination.ts';
import { ExeatError, type ErrorCode } from '../errors.ts';
import { assertAddress, assertName, assertUnresolved, guardedLookup, type AddressRules, type Resolve } from './address-guard.ts';
import { openTunnel } from './connect-tunnel.ts';
import { failureCode } from './failures.ts';

/** Whom to reach, by name; TLS and `Host` use this name whatever is dialled. An IPv6 address has its brackets. */
export interface Origin {
  /** `https`: the connection is TLS, and the peer has proved its name. */
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
}

/** What the guard knows of the host that it runs on. */
export interface GuardedHost {
  /** Ports of our own listeners. */
  readonly ownPorts: ReadonlySet<number>;
  /** How names become addresses, if not as the operating system does it. */
  readonly resolve?: Resolve | undefined;
  /** Connections of all pools together; without it their number has no limit. */
  readonly connections?: OpenConnections;
}

export interface OpenConnections {
  readonly most: number;
  open: number;
}

export interface Connection {
  readonly socket: Socket;
  /** The checked address that was dialled: the peer's, or its upstream proxy's. */
  readonly address: string;
}

/** Opens one connection, by the one way out there is: guarded, and through the upstream proxy where the network has one for this host. */
export type Connect = () => Promise<Connection>;

type Dial = Pick<PeerNetwork, 'connectTo' | 'allowPrivate' | 'ca' | 'unsafeCleartext' | 'connectTimeoutMs' | 'http2'>;

export function createConnector(origin: Origin, network: PeerNetwork, at: GuardedHost): Connect {
  const proxy = network.proxyFor?.(origin.host);
  const connect = proxy === undefined ? dialling(origin, network, at) : tunnelling(proxy, origin, { network, at });
  return at.connections === undefined ? connect : limited(connect, at.connections);
}

/** While there is room; a connection counts until it is closed. */
function limited(connect: Connect, connections: OpenConnections): Connect {
  const closed = () => {
    connections.open -= 1;
  };
  return async () => {
    if (connections.open >= connections.most) throw new ExeatError('overloaded');
    connections.open += 1;
    try {
      const connection = await connect();
      connection.socket.once('close', closed);
      return connection;
    } catch (error) {
      closed();
      throw error;
    }
  };
}

/** Dials `connectTo` or the origin itself; every address is checked before the dial and the connected one after it. */
function dialling(origin: Origin, network: Dial, at: GuardedHost): Connect {
  const rules: AddressRules = { allowPrivate: network.allowPrivate, ownPorts: at.ownPorts, loopbackOnly: inClear(origin, network) };
  const { host = bareName(origin), port = origin.port } = network.connectTo ?? {};
  const connect = buildConnector({
    ...optionsFor(origin, network),
    lookup: guardedLookup(port, rules, at.resolve),
    autoSelectFamily: true,
  });
  return async () => {
    assertName(host);
    if (isIP(host) !== 0) assertAddress(host, port, rules);
    const socket = await connected(connect, origin, { hostname: host, port: String(port) });
    try {
      const address = socket.remoteAddress ?? '';
      assertAddress(address, port, rules);
      return { socket, address };
    } catch (error) {
      socket.destroy();
      throw error;
    }
  };
}

/** CONNECT also where the origin speaks plain HTTP: the proxy's credentials stay in a request of their own. One time limit for the whole way. */
function tunnelling(proxy: UpstreamProxy, origin: Origin, { network, at }: { network: PeerNetwork; at: GuardedHost }): Connect {
  const { connectTimeoutMs } = network;
  const { host, port, scheme } = origin;
  const dial = dialling(proxy, { ...proxy, unsafeCleartext: false, connectTimeoutMs }, at);
  const connect = buildConnector(optionsFor(origin, network));
  return async () => {
    assertUnresolved(host, port, at.ownPorts);
    if (inClear(origin, network)) throw new ExeatError('address_prohibited', 'a credential must not leave in clear');
    const authorization = proxy.authorization?.();
    const startedAt = performance.now();
    const inTime = <T>(step: Promise<T>, late: ErrorCode) => within(step, connectTimeoutMs - (performance.now() - startedAt), late);
    const { socket, address } = await dial().catch((error: unknown) => {
      throw new ExeatError(dialFailures[failureCode(error)] ?? 'upstream_proxy_unreachable', undefined, { cause: error });
    });
    try {
      await inTime(openTunnel(socket, `${host}:${port}`, authorization), 'upstream_proxy_timeout');
      if (scheme === 'http') return { socket, address };
      const secure = await inTime(
        connected(connect, origin, { hostname: host, port: String(port), httpSocket: socket }),
        'connect_timeout',
      );
      secure.once('close', () => socket.destroy());
      return { socket: secure, address };
    } catch (error) {
      socket.destroy();
      throw error;
    }
  };
}

const dialFailures: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  address_prohibited: 'upstream_proxy_prohibited',
  own_listener: 'upstream_proxy_prohibited',
  connect_timeout: 'upstream_proxy_timeout',
  tls_failed: 'upstream_proxy_tls_failed',
  tls_handshake_failed: 'upstream_proxy_tls_failed',
};

/** How TLS is spoken with the origin, on whatever way. */
function optionsFor(origin: Origin, { connectTimeoutMs, ca, http2 = false }: Dial): buildConnector.BuildOptions {
  const name = bareName(origin);
  return {
    allowH2: http2,
    preferH2: http2,
    timeout: connectTimeoutMs,
    // Else NODE_TLS_REJECT_UNAUTHORIZED=0 in our environment would switch it off.
    rejectUnauthorized: true,
    // Without SNI, as for an address, Node would verify the one that is dialled.
    checkServerIdentity: (_dialled, certificate) => checkServerIdentity(name, certificate),
    // Made once: a context of its own for each connection, with all roots in it, took over a megabyte.
    ...(ca === undefined ? {} : { secureContext: createSecureContext({ ca: [...getCACertificates('default'), ca] }) }),
  };
}

type Dialled = Pick<buildConnector.Options, 'hostname' | 'port' | 'httpSocket'>;

function connected(connect: buildConnector.connector, origin: Origin, dialled: Dialled): Promise<Socket> {
  const name = bareName(origin);
  // With a literal address undici would dial the server name instead, so TLS to a literal goes without SNI.
  const servername = isIP(name) === 0 && origin.scheme === 'https' ? { servername: name } : {};
  return new Promise((resolve, reject) => {
    connect({ ...dialled, ...servername, host: origin.host, protocol: `${origin.scheme}:` }, (error, socket) =>
      error === null ? resolve(socket) : reject(error),
    );
  });
}

async function within<T>(step: Promise<T>, leftMs: number, late: ErrorCode): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new ExeatError(late)), leftMs);
  try {
    return await Promise.race([step, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A credential travels here without TLS. */
function inClear({ scheme }: Origin, { unsafeCleartext }: Dial): boolean {
  return scheme === 'http' && unsafeCleartext;
}

function bareName({ host }: Origin): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
