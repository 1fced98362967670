import { join } from 'node:path';
import { defaultFolders } from '../config/folders.ts';
import type { Config } from '../config/schema.ts';
import { authorityClientConfig } from '../credentials/authority-config.ts';
import { publicKeysFile } from '../identity/local.ts';
import { createIdentity } from '../identity/registry.ts';

/** The authority that a run starts for its own use, and how the run reaches it. */
export interface OwnAuthority extends AsyncDisposable {
  readonly issuer: string;
  readonly client: NonNullable<Config['authority']>;
}

/** Credentials are to be issued, and the configuration names nobody who would. */
export function needsOwnAuthority({ authority, destinations }: Config): boolean {
  return authority === undefined && Object.values(destinations).some(({ credential }) => credential?.kind === 'token-exchange');
}

/** Where the key of a `local` identity is: it is the user's, the same in every run. */
export function identityFolderOf({ identity, tasks }: Config): string | undefined {
  return identity.source === 'local' ? (identity.folder ?? tasks.state ?? defaultFolders().state) : undefined;
}

/**
 * Starts one that knows the `local` identity, and the resources and scopes that the configuration asks for. Its keys and what it issued are kept in
 * `state`. `issuer`: of the run whose authority it goes on for; its own address unless given.
 */
export async function startOwnAuthority(config: Config, state: string, issuer?: string): Promise<OwnAuthority> {
  const folder = identityFolderOf(config);
  if (folder === undefined) {
    throw new Error(`"token-exchange" needs an "authority": the one that "exeat run" starts knows no "${config.identity.source}" identity`);
  }
  // Most runs need none, and its modules take a while to load.
  const { startAuthority } = await import('../authority/authority.ts');
  await using identity = await createIdentity({ source: 'local', folder }, { folder, warn: () => undefined });
  const authority = await startAuthority({
    listen: '127.0.0.1:0',
    ...(issuer === undefined ? {} : { issuer }),
    data: join(state, 'authority'),
    trusted_issuers: [{ issuer: identity.principal()?.issuer ?? '', jwks_file: publicKeysFile(folder) }],
    resources: resourcesOf(config),
  });
  const client = authorityClientConfig.parse({
    issuer: authority.issuer,
    connect_to: new URL(authority.url).host,
    allow_private: true,
    unsafe_cleartext: true,
  });
  return { issuer: authority.issuer, client, [Symbol.asyncDispose]: () => authority.close() };
}

function resourcesOf({ destinations }: Config): Record<string, { scopes: string[] }> {
  const resources: Record<string, { scopes: string[] }> = {};
  for (const { credential } of Object.values(destinations)) {
    if (credential?.kind !== 'token-exchange') continue;
    for (const name of [credential.audience, credential.resource]) {
      if (name === undefined) continue;
      const scopes = [...(resources[name]?.scopes ?? []), ...(credential.scope?.split(' ') ?? [])];
      resources[name] = { scopes: [...new Set(scopes)] };
    }
  }
  return resources;
}
