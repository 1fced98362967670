import { createHash, timingSafeEqual } from 'node:crypto';
import { readSecret } from '../settings.ts';
import type { AuthorityConfig } from './config.ts';
import type { Form } from './form.ts';
import { decoded } from './form.ts';
import { challenged, oauthError } from './oauth-error.ts';
import type { OAuthError } from './oauth-error.ts';
import type { Party, TrustedIssuers } from './trusted-issuers.ts';

/** Who sent an authenticated request: a workload by its JWT, or a resource server by its secret. */
export type Client =
  | { readonly kind: 'workload'; readonly id: string; readonly party: Party }
  /** `resources`: what it may see; undefined = all. */
  | { readonly kind: 'resource_server'; readonly id: string; readonly resources: ReadonlySet<string> | undefined };

export type WorkloadClient = Extract<Client, { readonly kind: 'workload' }>;

/** Authenticates the sender of one request (RFC 6749 §2.3, RFC 7521 §4.2). */
export interface ClientAuthentication {
  workload(form: Form, authorization: string | undefined): Promise<WorkloadClient | OAuthError>;
  workloadOrResourceServer(form: Form, authorization: string | undefined): Promise<Client | OAuthError>;
}

/** The `client_assertion_type` values; a workload JWT serves until it expires, so no `jti` is asked for. */
const assertionTypes: ReadonlyMap<string, (party: Party) => boolean> = new Map([
  ['urn:ietf:params:oauth:client-assertion-type:jwt-bearer', () => true],
  ['urn:ietf:params:oauth:client-assertion-type:jwt-spiffe', ({ subject }: Party) => subject.startsWith('spiffe://')],
]);
const assertionTyps = new Set(['', 'jwt', 'jose', 'client-authentication+jwt']);

/** Reads the secrets of the introspection clients; throws when one is missing. */
export function createClientAuthentication(
  issuers: TrustedIssuers,
  configured: AuthorityConfig['introspection_clients'],
): ClientAuthentication {
  const servers = Object.entries(configured).map(([id, { secret, resources }]) => ({
    id,
    digest: digestOf(readSecret(secret).reveal()),
    resources: resources && new Set(resources),
  }));

  async function workload(form: Form, authorization: string | undefined): Promise<WorkloadClient | OAuthError> {
    if (authorization !== undefined) return challenged('clients authenticate with client_assertion here');
    const assertion = form.one('client_assertion');
    const type = form.one('client_assertion_type');
    if (assertion === undefined || type === undefined) {
      return oauthError('invalid_client', 'client_assertion and client_assertion_type are needed');
    }
    const fits = assertionTypes.get(type);
    if (fits === undefined) return oauthError('invalid_client', 'this client_assertion_type is not supported');
    const party = await issuers.verify(assertion, assertionTyps);
    if ('because' in party) return oauthError('invalid_client', `client_assertion is not accepted: ${party.because}`);
    if (party.subjectOnly) return oauthError('invalid_client', 'client_assertion is not accepted: its issuer is trusted for subjects only');
    if (!fits(party)) return oauthError('invalid_client', 'client_assertion is not accepted: its sub is no SPIFFE ID');
    const clientId = form.one('client_id');
    if (clientId !== undefined && clientId !== party.subject)
      return oauthError('invalid_client', 'client_id is not the sub of client_assertion');
    return { kind: 'workload', id: party.id, party };
  }

  function resourceServer(authorization: string): Client | OAuthError {
    const [, scheme = '', rest = ''] = /^(\S+) +(\S+)$/.exec(authorization) ?? [];
    const presented = scheme.toLowerCase() === 'bearer' ? { id: undefined, secret: rest } : basicOf(scheme, rest);
    if (presented === undefined) return challenged('the Authorization header cannot be read');
    const digest = digestOf(presented.secret);
    // Every secret is compared, so that time tells nothing.
    const matching = servers.filter((server) => timingSafeEqual(server.digest, digest));
    const server = matching.find(({ id }) => presented.id === undefined || presented.id === id);
    if (server === undefined) return challenged('the client is not known or its secret is wrong');
    return { kind: 'resource_server', id: server.id, resources: server.resources };
  }

  return {
    workload,
    workloadOrResourceServer: async (form, authorization) => {
      const asserted = form.one('client_assertion') !== undefined;
      if (authorization === undefined) return asserted ? await workload(form, undefined) : challenged('client authentication is needed');
      if (asserted) return oauthError('invalid_request', 'more than one way of client authentication was used');
      return resourceServer(authorization);
    },
  };
}

function basicOf(scheme: string, encoded: string): { readonly id: string; readonly secret: string } | undefined {
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const cut = text.indexOf(':');
  // Both halves are form-encoded (RFC 6749 §2.3.1).
  const [id, secret] = cut < 0 ? [] : [decoded(text.slice(0, cut)), decoded(text.slice(cut + 1))];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
