import { z } from '../settings.ts';
import * as authzen from './authzen.ts';
import type { Bundle } from './bundle.ts';
import * as cedar from './cedar.ts';
import type { GuardedFetch } from './engine-client.ts';
import type { BundleConfig, ServerConfig } from './engine-config.ts';
import * as opa from './opa.ts';
import type { PolicyDecisionPoint } from './policy.ts';
import { vocabularyOf } from './schema.ts';

/** The top-level `policy:` key. */
export const policyConfig = z.discriminatedUnion('engine', [cedar.config, opa.config, authzen.config]);

export type PolicyConfig = z.output<typeof policyConfig>;

export interface PolicyDependencies extends cedar.CedarDependencies {
  /** To an engine elsewhere. */
  readonly fetch: GuardedFetch;
  /** The one that `bundleOf` asks for. */
  readonly bundle: Bundle | undefined;
}

/** Where the policies are pulled from, if they are. */
export function bundleOf(config: PolicyConfig): BundleConfig | undefined {
  return 'bundle' in config ? config.bundle : undefined;
}

/** Where the policies are read from, if they are files. */
export function directoryOf(config: PolicyConfig): string | undefined {
  return 'directory' in config ? config.directory : undefined;
}

/** For who opens no connection. */
export function nowhere(): Promise<never> {
  return Promise.reject(new Error('nothing is asked over the network'));
}

/** What is asked over the network: an engine, or a server of bundles. */
export function peerOf(config: PolicyConfig): ServerConfig | BundleConfig | undefined {
  return bundleOf(config) ?? ('server' in config ? config.server : undefined);
}

/** Loads the configured engine's policies. Throws with everything that is wrong with them. */
export function createPolicy(config: PolicyConfig, deps: PolicyDependencies): PolicyDecisionPoint {
  const vocabulary = vocabularyOf(deps.destinations, Object.keys(deps.intents));
  switch (config.engine) {
    case cedar.kind:
      return cedar.create(config, deps);
    case opa.kind:
      return opa.create(config, { vocabulary, ...deps });
    case authzen.kind:
      return authzen.create(config, { vocabulary, ...deps });
    default:
      throw config satisfies never;
  }
}
