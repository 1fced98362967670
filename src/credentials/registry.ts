import { z } from '../settings.ts';
import type { AuthorityClient } from './authority-client.ts';
import type { CredentialProvider } from './credential.ts';
import * as dated from './static.ts';
import * as tokenExchange from './token-exchange.ts';

/** A destination's `credential:` key. */
export const credentialConfig = z.discriminatedUnion('kind', [tokenExchange.config, dated.config]);

export type CredentialConfig = z.output<typeof credentialConfig>;

export interface ProviderDeps {
  /** The top-level `authority:`; undefined when there is none. */
  readonly authority: AuthorityClient | undefined;
}

/** Makes one destination's provider. Throws when the config lacks what this kind needs. */
export function createProvider(config: CredentialConfig, { authority }: ProviderDeps): CredentialProvider {
  switch (config.kind) {
    case tokenExchange.kind:
      if (authority === undefined) throw new Error('a "token-exchange" credential needs the top-level "authority"');
      return tokenExchange.create(config, { authority });
    case dated.kind:
      return dated.create(config);
    default:
      throw config satisfies never;
  }
}
