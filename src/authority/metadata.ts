import type { AuthorityConfig } from './config.ts';
import { acceptedAlgorithms } from './trusted-issuers.ts';

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** Where each document and endpoint is, as paths on the listener. */
export function pathsOf(issuer: string): Readonly<Record<'metadata' | 'jwks' | 'token' | 'revoke' | 'introspect', string>> {
  const base = new URL(issuer).pathname.replace(/\/$/, '');
  return {
    // RFC 8414 §3.1: inserted between host and path.
    metadata: `/.well-known/oauth-authorization-server${base}`,
    jwks: `${base}/jwks`,
    token: `${base}/token`,
    revoke: `${base}/revoke`,
    introspect: `${base}/introspect`,
  };
}

/** Authorization server metadata (RFC 8414 §2). */
export function metadataOf(issuer: string, resources: AuthorityConfig['resources']): Readonly<Record<string, unknown>> {
  const { jwks, token, revoke, introspect } = pathsOf(issuer);
  const { origin } = new URL(issuer);
  const byAssertion = ['private_key_jwt', 'spiffe_jwt'];
  const alsoBySecret = [...byAssertion, 'client_secret_basic'];
  return {
    issuer,
    token_endpoint: origin + token,
    jwks_uri: origin + jwks,
    revocation_endpoint: origin + revoke,
    introspection_endpoint: origin + introspect,
    response_types_supported: [],
    grant_types_supported: [exchangeGrant],
    scopes_supported: [...new Set(Object.values(resources).flatMap(({ scopes }) => scopes))],
    token_endpoint_auth_methods_supported: byAssertion,
    token_endpoint_auth_signing_alg_values_supported: acceptedAlgorithms,
    revocation_endpoint_auth_methods_supported: alsoBySecret,
    revocation_endpoint_auth_signing_alg_values_supported: acceptedAlgorithms,
    introspection_endpoint_auth_methods_supported: alsoBySecret,
    introspection_endpoint_auth_signing_alg_values_supported: acceptedAlgorithms,
  };
}
