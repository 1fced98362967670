import type { PeerNetwork } from '../destination.ts';
import { peerOf } from '../policy/registry.ts';
import { readPem } from './pem.ts';
import { ConfigError, type LocatedProblem } from './problems.ts';
import { proxiedBy } from './proxied.ts';
import type { Config } from './schema.ts';

/** What Exeat itself calls, beside destinations. Each reads its CA file, throws a ConfigError where that cannot be used, and is undefined where the configuration has none. */

export function authorityNetworkOf(config: Config): PeerNetwork | undefined {
  return config.authority && networkOf(config, config.authority, { path: ['authority'], timeouts: config.authority.timeouts });
}

export function webhookNetworkOf(config: Config): PeerNetwork | undefined {
  const { webhook } = config.approvals;
  return webhook && networkOf(config, webhook, { path: ['approvals', 'webhook'], timeouts: patient });
}

/** The policy engine, or the server of policy bundles. */
export function policyNetworkOf(config: Config): PeerNetwork | undefined {
  const peer = peerOf(config.policy);
  return peer && networkOf(config, peer, { path: ['policy', 'keys' in peer ? 'bundle' : 'server'], timeouts: patient });
}

/** Whoever asks has a time limit of its own for the whole. */
const patient = { connect: 5000, headers: 10_000, idle: 10_000 };

interface Peer {
  readonly connect_to?: PeerNetwork['connectTo'];
  readonly ca?: string | undefined;
  readonly allow_private: boolean;
  readonly unsafe_cleartext: boolean;
}

interface Where {
  readonly path: readonly string[];
  readonly timeouts: { readonly connect: number; readonly headers: number; readonly idle: number };
}

function networkOf(config: Config, peer: Peer, { path, timeouts }: Where): PeerNetwork {
  const { connect_to: connectTo, ca } = peer;
  const problems: LocatedProblem[] = [];
  const at =
    (...where: readonly string[]) =>
    (message: string) =>
      void problems.push({ path: where, line: undefined, message });
  const proxied = proxiedBy(config, at('upstream_proxy', 'ca'));
  const pem = ca === undefined ? undefined : readPem(ca, at(...path, 'ca'));
  if (problems.length > 0) throw new ConfigError('configuration', problems);
  return {
    ...(connectTo === undefined ? {} : { connectTo }),
    ...proxied.anyName(connectTo),
    ...(pem === undefined ? {} : { ca: pem }),
    // Clear text is for loopback alone, which is a private range.
    allowPrivate: peer.allow_private || peer.unsafe_cleartext,
    unsafeCleartext: peer.unsafe_cleartext,
    connectTimeoutMs: timeouts.connect,
    headersTimeoutMs: timeouts.headers,
    idleTimeoutMs: timeouts.idle,
  };
}
