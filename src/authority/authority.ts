import type { PeerNetwork } from '../destination.ts';
import { openState } from '../state.ts';
import type { Records, State } from '../state.ts';
import { createAccessTokens } from './access-tokens.ts';
import { createClientAuthentication } from './client-authentication.ts';
import { authorityConfig } from './config.ts';
import type { AuthorityConfig, AuthorityInput } from './config.ts';
import { createIntrospectionEndpoint, createRevocationEndpoint, createTokenEndpoint } from './endpoints.ts';
import type { EndpointDeps } from './endpoints.ts';
import { createEvents } from './events.ts';
import type { AuthorityEvent, Counters } from './events.ts';
import { listen } from './http-server.ts';
import type { Route } from './http-server.ts';
import type { OpenFetch } from './issuer-keys.ts';
import { metadataOf, pathsOf } from './metadata.ts';
import { createMemoryRecords, createRegistry } from './registry.ts';
import type { IssuedToken, Registry } from './registry.ts';
import { createSigningKeys } from './signing-keys.ts';
import type { SigningKeys } from './signing-keys.ts';
import { createTrustedIssuers } from './trusted-issuers.ts';

/** The settings of `authorityConfig` as they are written, and what only code can pass. */
export type AuthorityOptions = AuthorityInput & {
  /** Called for each event, in order; must not throw. */
  readonly onEvent?: (event: AuthorityEvent) => void;
  /** How a `jwks_url` is fetched; without it there can be none. */
  readonly openFetch?: (network: PeerNetwork) => ReturnType<OpenFetch> & AsyncDisposable;
  readonly now?: () => number;
};

/** A running authority. */
export interface RunningAuthority extends AsyncDisposable {
  readonly issuer: string;
  /** Where it listens, without trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly counters: Counters;
  /** What was issued for a task and could still be alive; no secrets. */
  tokensOf(taskId: string): readonly IssuedToken[];
  /** The next key, published long before, signs from now on. Returns its `kid`. */
  rotateKeys(): string;
  /** Lets running requests finish, then frees port and state folder. May be called twice. */
  close(): Promise<void>;
}

/**
 * The embedded authority, on jose and node:http: oidc-provider would bring metadata and keys, but refuses what is the point here
 * (exchange, workload JWTs as assertions, revoking and introspecting JWTs), so that ours would stand in front of nearly all of it.
 */
export async function startAuthority(options: AuthorityOptions): Promise<RunningAuthority> {
  const { onEvent, openFetch = cannotFetch, now = Date.now, ...settings } = options;
  const config = authorityConfig.parse(settings);
  await using opened = new AsyncDisposableStack();
  const state = config.data === undefined ? undefined : opened.use(openState(config.data));
  return await start({ config, state, now, onEvent, openFetch: (network) => opened.use(openFetch(network)), opened });
}

function cannotFetch(): never {
  throw new Error('a jwks_url cannot be fetched here: give jwks or jwks_file');
}

interface Parts {
  readonly config: AuthorityConfig;
  readonly state: State | undefined;
  readonly now: () => number;
  readonly onEvent: ((event: AuthorityEvent) => void) | undefined;
  readonly openFetch: OpenFetch;
  /** What is closed with it. */
  readonly opened: AsyncDisposableStack;
}

async function start({ config, state, now, onEvent, openFetch, opened }: Parts): Promise<RunningAuthority> {
  const { emit, counters } = createEvents(onEvent);
  const keys = createSigningKeys(recordsOf(state, 'authority-keys'), { everyMs: config.rotate_keys_every, now });
  const registry = createRegistry(recordsOf<IssuedToken>(state, 'authority-tokens'), now);
  const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
  let issuer = config.issuer ?? '';

  const server = await listen(
    config.listen,
    (port) => {
      issuer = config.issuer ?? `http://${host}:${port}`;
      return routesOf({ config, issuer, keys, registry, emit, openFetch, now });
    },
    emit,
  );

  opened.defer(() => server.close());
  const all = opened.move();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= all.disposeAsync());
  return {
    issuer,
    url: `http://${host}:${server.port}`,
    port: server.port,
    counters,
    tokensOf: (taskId) => registry.ofTask(taskId),
    rotateKeys: () => {
      const kid = keys.rotate();
      emit({ type: 'rotated', kid });
      return kid;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface RouteParts {
  readonly config: AuthorityConfig;
  readonly issuer: string;
  readonly keys: SigningKeys;
  readonly registry: Registry;
  readonly emit: (event: AuthorityEvent) => void;
  readonly openFetch: OpenFetch;
  readonly now: () => number;
}

function routesOf({ config, issuer, keys, registry, emit, openFetch, now }: RouteParts): ReadonlyMap<string, Route> {
  const issuers = createTrustedIssuers(config.trusted_issuers, { audience: issuer, openFetch, now });
  const deps: EndpointDeps = {
    issuer,
    issuers,
    authentication: createClientAuthentication(issuers, config.introspection_clients),
    tokens: createAccessTokens(keys, { registry, issuer, now }),
    registry,
    resources: config.resources,
    tokenTtlMs: config.token_ttl,
    now,
    emit,
  };
  const paths = pathsOf(issuer);
  const metadata = metadataOf(issuer, config.resources);
  return new Map<string, Route>([
    [paths.metadata, { document: () => metadata, maxAgeS: 300 }],
    [paths.jwks, { document: () => keys.jwks(), maxAgeS: 60 }],
    [paths.token, { endpoint: createTokenEndpoint(deps) }],
    [paths.revoke, { endpoint: createRevocationEndpoint(deps) }],
    [paths.introspect, { endpoint: createIntrospectionEndpoint(deps) }],
  ]);
}

function recordsOf<T>(state: State | undefined, kind: string): Records<T> {
  return state?.records<T>(kind) ?? createMemoryRecords<T>();
}
