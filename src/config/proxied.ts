import { isIP } from 'node:net';
import type { PeerNetwork, UpstreamProxy } from '../destination.ts';
import { ExeatError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { readSecret } from '../settings.ts';
import { covers, isLoopback } from './hosts.ts';
import { readPem } from './pem.ts';
import type { Config } from './schema.ts';
import type { UpstreamProxyConfig } from './upstream-proxy.ts';

/** What goes through the upstream proxy. */
export interface Proxied {
  /** Of a peer that may be at several names, wildcards and addresses among them. A peer with a `connect_to` is dialled there. */
  amongst(hosts: readonly string[], connectTo: PeerNetwork['connectTo']): Pick<PeerNetwork, 'proxyFor'>;
  /** Of a peer that is trusted to say at what further names it is. */
  anyName(connectTo: PeerNetwork['connectTo']): Pick<PeerNetwork, 'proxyFor'>;
}

/** Nothing without an `upstream_proxy`. Reads its CA file. */
export function proxiedBy({ upstream_proxy: settings }: Config, report: (message: string) => void): Proxied {
  if (settings === undefined) return { amongst: () => ({}), anyName: () => ({}) };
  const proxy = upstreamProxyOf(settings, report);
  return {
    amongst(hosts, connectTo) {
      const through = new Set(hosts.filter((host) => connectTo === undefined && goesThrough(host, settings)));
      return through.size === 0 ? {} : { proxyFor: (host) => (through.has(host) ? proxy : undefined) };
    },
    anyName: (connectTo) => (connectTo === undefined ? { proxyFor: (host) => (goesThrough(host, settings) ? proxy : undefined) } : {}),
  };
}

/** True for an exact name that `no_proxy` does not have. Loopback would be the proxy's own. */
export function goesThrough(host: string, { no_proxy: direct }: UpstreamProxyConfig): boolean {
  const isName = isIP(host.replace(/^\[|\]$/g, '')) === 0 && !host.startsWith('*.') && !isLoopback(host);
  return isName && !direct.some((pattern) => names(pattern, host));
}

/** An entry of `no_proxy` stands for this host of the configuration. */
export function names(pattern: string, host: string): boolean {
  return pattern === host || covers(pattern, host);
}

function upstreamProxyOf(
  { url, ca, credentials, allow_private: allowPrivate }: UpstreamProxyConfig,
  report: (message: string) => void,
): UpstreamProxy {
  return {
    scheme: url.scheme,
    host: url.name,
    port: url.port,
    allowPrivate,
    ...(ca === undefined ? {} : { ca: readPem(ca, report) }),
    ...(credentials === undefined ? {} : { authorization: () => basic(credentials) }),
  };
}

/** RFC 7617, in UTF-8. */
function basic({ username, password }: NonNullable<UpstreamProxyConfig['credentials']>): Secret {
  try {
    return new Secret(`Basic ${Buffer.from(`${username}:${readSecret(password).reveal()}`).toString('base64')}`);
  } catch (cause) {
    throw new ExeatError('upstream_proxy_authentication_failed', "the upstream proxy's password cannot be read", { cause });
  }
}
