import * as oauth from 'oauth4webapi';
import { ExeatError } from '../errors.ts';
import type { AuthorityClientConfig } from './authority-config.ts';
import { reasonOf } from './oauth-errors.ts';

/** `fetch` as we need it: it follows no redirect, and dials through the egress guard. */
export type GuardedFetch = (url: string, init: RequestInit) => Promise<Response>;

/** The authority's metadata: asked for once, kept until `forget`. */
export interface Discovery {
  get(): Promise<oauth.AuthorizationServer>;
  forget(): void;
}

const largestAnswerBytes = 256 * 1024;

/** RFC 8414; where there is nothing, OpenID Connect discovery. `get` fails with `credential_unavailable`. */
export function createDiscovery(config: AuthorityClientConfig, fetch: GuardedFetch): Discovery {
  let known: Promise<oauth.AuthorizationServer> | undefined;
  const forget = (): void => {
    known = undefined;
  };
  return {
    get() {
      const asked =
        known ??
        discover(config, fetch).catch((error: unknown) => {
          forget();
          throw new ExeatError('credential_unavailable', `the authority's metadata: ${reasonOf(error)}`);
        });
      known = asked;
      return asked;
    },
    forget,
  };
}

async function discover(config: AuthorityClientConfig, fetch: GuardedFetch): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(config.issuer);
  const ask = (algorithm: 'oauth2' | 'oidc') =>
    oauth.discoveryRequest(issuer, {
      algorithm,
      // Its own time limit: the caller that happens to be first must not take the others with it.
      signal: AbortSignal.timeout(config.timeouts.connect + config.timeouts.headers),
      [oauth.customFetch]: (url, { signal, headers }) => readWhole(fetch, url, { headers, signal: signal ?? null }),
      [oauth.allowInsecureRequests]: config.unsafe_cleartext,
    });
  const first = await ask('oauth2');
  const server = await oauth.processDiscoveryResponse(issuer, first.status === 404 ? await ask('oidc') : first);
  // RFC 8414 §3.3: identical, also where two URLs would be equivalent.
  if (server.issuer !== config.issuer) throw new ExeatError('credential_unavailable', 'it is for another issuer than the configured one');
  return server;
}

/** Fetches an answer to its end, within a limit, so that whoever reads it later waits for nothing. */
export async function readWhole(fetch: GuardedFetch, url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'manual' });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > largestAnswerBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  const body = response.status === 204 || response.status === 304 ? null : Buffer.concat(chunks);
  return new Response(body, { status: response.status, headers: response.headers });
}
