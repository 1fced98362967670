import { z } from '../settings.ts';
import type { WorkloadIdentitySource } from './identity.ts';
import * as file from './file.ts';
import * as local from './local.ts';

/** The top-level `identity:` key. */
export const identityConfig = z.discriminatedUnion('source', [file.config, local.config]);

export type IdentityConfig = z.output<typeof identityConfig>;

/** Makes the configured source. */
export function createIdentity(
  config: IdentityConfig,
  deps: file.FileIdentityDeps & local.LocalIdentityDeps,
): Promise<WorkloadIdentitySource> {
  switch (config.source) {
    case file.kind:
      return file.create(config, deps);
    case local.kind:
      return local.create(config, deps);
    default:
      throw config satisfies never;
  }
}
