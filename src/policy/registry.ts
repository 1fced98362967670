import { z } from '../settings.ts';
import * as cedar from './cedar.ts';
import type { PolicyDecisionPoint } from './policy.ts';

/** The top-level `policy:` key. */
export const policyConfig = z.discriminatedUnion('engine', [cedar.config]);

/** Loads the configured engine's policies. Throws with everything that is wrong with them. */
export function createPolicy(config: z.output<typeof policyConfig>, deps: cedar.CedarDependencies): PolicyDecisionPoint {
  switch (config.engine) {
    case cedar.kind:
      return cedar.create(config, deps);
    default:
      throw config.engine satisfies never;
  }
}
