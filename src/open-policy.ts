import { hash } from 'node:crypto';
import { join } from 'node:path';
import { policyNetworkOf } from './config/peers.ts';
import type { Config } from './config/schema.ts';
import type { Destination } from './destination.ts';
import { createGuardedFetch } from './egress/client.ts';
import type { GuardedHost } from './egress/connector.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { Bundle } from './policy/bundle.ts';
import { openBundleSource, type BundleSource } from './policy/bundle-source.ts';
import { whileFresh } from './policy/freshness.ts';
import { recordingInputs } from './policy/inputs.ts';
import type { PolicyDecisionPoint } from './policy/policy.ts';
import { bundleOf, createPolicy, nowhere } from './policy/registry.ts';

/** The policy of one configuration, with its connections. */
export interface OpenPolicy extends AsyncDisposable {
  readonly policy: PolicyDecisionPoint;
  /** From now on looks for newer policies; each that can be used is handed over. */
  watch(adopt: (policy: PolicyDecisionPoint) => void): void;
  /** Looks for no more of them; what is in force goes on deciding. */
  stop(): Promise<void>;
}

export interface PolicyParts {
  readonly destinations: readonly Destination[];
  readonly host: GuardedHost;
  readonly stateFolder: string;
  readonly warn: (message: string) => void;
  /** Where decisions say what they were made of. */
  readonly record: Fingerprint | undefined;
}

/** Loads the policies, or pulls them. Throws with everything that is wrong with them. */
export async function openPolicy(config: Config, { destinations, host, stateFolder, warn, record }: PolicyParts): Promise<OpenPolicy> {
  await using opened = new AsyncDisposableStack();
  const network = policyNetworkOf(config);
  // Destinations may use up their share of connections; decisions must go on.
  const { fetch } =
    network === undefined
      ? { fetch: nowhere }
      : opened.use(createGuardedFetch(network, { ownPorts: host.ownPorts, resolve: host.resolve }));
  const make = (bundle: Bundle | undefined): PolicyDecisionPoint =>
    createPolicy(config.policy, { destinations, intents: config.intents, fetch, bundle });
  const bundle = bundleOf(config.policy);
  const file = join(stateFolder, 'bundles', `${hash('sha256', bundle?.url ?? '').slice(0, 32)}.tar.gz`);
  const source = bundle && opened.use(await openBundleSource(bundle, { fetch, file, make, warn }));
  const policy = source?.first ?? make(undefined);
  const all = opened.move();
  const inUse = (made: PolicyDecisionPoint): PolicyDecisionPoint => {
    const policy = dated(made, source, bundle?.max_stale);
    return record === undefined ? policy : recordingInputs(policy, record);
  };
  return {
    policy: inUse(policy),
    watch: (adopt) => source?.watch((made) => adopt(inUse(made))),
    stop: async () => source?.[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function dated(
  policy: PolicyDecisionPoint,
  source: Pick<BundleSource<unknown>, 'confirmedAt'> | undefined,
  mostMs: number | undefined,
): PolicyDecisionPoint {
  if (source === undefined) return policy;
  const { confirmedAt } = source;
  return { ...(mostMs === undefined ? policy : whileFresh(policy, { mostMs, confirmedAt })), confirmedAt };
}
