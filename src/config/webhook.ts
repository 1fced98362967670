import type { PeerNetwork } from '../destination.ts';
import { readPem } from './pem.ts';
import { ConfigError } from './problems.ts';
import { proxiedBy } from './proxied.ts';
import type { Config } from './schema.ts';

const connectTimeoutMs = 5000;
const answerTimeoutMs = 10_000;

/** How to reach the approvers' endpoint; undefined without one. Reads its CA file. */
export function webhookNetworkOf(config: Config): PeerNetwork | undefined {
  const { webhook } = config.approvals;
  if (webhook === undefined) return undefined;
  return {
    ...proxiedBy(config, fail).anyName(undefined),
    ...(webhook.ca === undefined ? {} : { ca: readPem(webhook.ca, fail) }),
    // Clear text is for loopback alone, which is a private range.
    allowPrivate: webhook.allow_private || webhook.unsafe_cleartext,
    unsafeCleartext: webhook.unsafe_cleartext,
    connectTimeoutMs,
    headersTimeoutMs: answerTimeoutMs,
    idleTimeoutMs: answerTimeoutMs,
  };
}

function fail(message: string): never {
  throw new ConfigError('configuration', [{ path: ['approvals', 'webhook', 'ca'], line: undefined, message }]);
}
