import * as oauth from 'oauth4webapi';
import { ExeatError, refuse } from '../errors.ts';
import type { WorkloadIdentitySource, WorkloadToken } from '../identity/identity.ts';
import type { Secret } from '../secret.ts';
import { mayTravel, type AuthorityClientConfig } from './authority-config.ts';
import type { NotIssued, RevocationProof } from './credential.ts';
import { createDiscovery, type GuardedFetch, readWhole } from './discovery.ts';
import { neverSent, oauthErrorOf, reasonOf } from './oauth-errors.ts';

export interface AuthorityClientDeps {
  readonly identity: WorkloadIdentitySource;
  readonly fetch: GuardedFetch;
}

/** The whole answer of one endpoint, status and body, whatever it says. */
export interface AuthorityAnswer {
  readonly response: Response;
  readonly text: string;
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  /** The workload token that the request was made with. */
  readonly token: WorkloadToken;
}

/** What a token request is made of, given the current workload token. */
export interface TokenRequest {
  readonly grantType: string;
  parameters(token: WorkloadToken): Record<string, string>;
}

/** One authority: its metadata, and requests that authenticate as this workload. */
export interface AuthorityClient {
  readonly issuer: string;
  /** Once more with a fresh workload token where the first was refused. Throws when the request left and its answer was lost. */
  tokenRequest(request: TokenRequest, signal: AbortSignal): Promise<AuthorityAnswer | NotIssued>;
  /** RFC 7009, then RFC 7662 where there is an endpoint. undefined: this authority does not revoke such tokens. */
  revoke(token: Secret, signal: AbortSignal): Promise<RevocationProof | undefined>;
}

interface Request {
  (server: oauth.AuthorizationServer, client: oauth.Client, authentication: oauth.ClientAuth, token: WorkloadToken): Promise<Response>;
}

/** How we prove to the authority who is asking (RFC 7521 §4.2; `client_id` is in the assertion's `sub`). */
const clientAuthentications = {
  workload_jwt:
    (token: WorkloadToken): oauth.ClientAuth =>
    (_server, _client, body) => {
      body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      body.set('client_assertion', token.jwt.reveal());
    },
} as const;

/** Statuses of an endpoint that may be elsewhere now. */
const moved = new Set([404, 405, 410]);
/** Errors that a newer proof of who we are may cure (RFC 6749 §5.2). */
const staleProof = new Set(['invalid_client', 'invalid_grant']);

/** The request may have been heard, and its answer did not come. */
class LostAnswer extends Error {}

export function createAuthorityClient(config: AuthorityClientConfig, deps: AuthorityClientDeps): AuthorityClient {
  const authenticate = clientAuthentications[config.client_authentication];
  const metadata = createDiscovery(config, deps.fetch);

  const options = (signal: AbortSignal) => ({
    signal,
    [oauth.customFetch]: (url: string, init: RequestInit) => {
      // The metadata names the endpoints: none of them may lead a token onto a clear wire.
      if (!mayTravel(url, config.unsafe_cleartext))
        throw new ExeatError('credential_unavailable', 'the authority names an endpoint that is not https');
      return readWhole(deps.fetch, url, init);
    },
    [oauth.allowInsecureRequests]: config.unsafe_cleartext,
  });

  const audienceFor = (server: oauth.AuthorizationServer): string => {
    if (config.assertion_audience === 'issuer') return config.issuer;
    if (config.assertion_audience !== 'token_endpoint') return config.assertion_audience;
    if (server.token_endpoint === undefined) throw new ExeatError('credential_unavailable', 'the authority has no token endpoint');
    return server.token_endpoint;
  };

  const authenticated = async (request: Request, signal: AbortSignal, fresh = false): Promise<AuthorityAnswer> => {
    const server = await metadata.get();
    const token = await deps.identity.token(audienceFor(server), signal, fresh);
    const client: oauth.Client = { client_id: token.principal.subject };
    const response = await sent(() => request(server, client, authenticate(token), token));
    const text = await response.clone().text();
    if (response.status === 200) return { response, text, server, client, token };
    if (moved.has(response.status) || response.status >= 500) metadata.forget();
    const refused = response.status === 401 || staleProof.has(oauthErrorOf(text) ?? '');
    return refused && !fresh ? authenticated(request, signal, true) : { response, text, server, client, token };
  };

  const sent = async (send: () => Promise<Response>): Promise<Response> => {
    try {
      return await send();
    } catch (error) {
      metadata.forget();
      if (neverSent(error)) throw error;
      throw new LostAnswer(reasonOf(error));
    }
  };

  return {
    issuer: config.issuer,
    async tokenRequest(asked, signal) {
      try {
        return await authenticated(
          (server, client, authentication, token) =>
            oauth.genericTokenEndpointRequest(server, client, authentication, asked.grantType, asked.parameters(token), options(signal)),
          signal,
        );
      } catch (error) {
        if (error instanceof LostAnswer)
          throw new ExeatError('credential_unavailable', `the authority's answer was lost: ${error.message}`);
        const ours = error instanceof ExeatError && error.code === 'identity_unavailable';
        return { notIssued: refuse(ours ? 'identity_unavailable' : 'credential_unavailable'), reason: reasonOf(error), outage: !ours };
      }
    },
    async revoke(secret, signal) {
      const hint = { additionalParameters: { token_type_hint: 'access_token' } };
      const server = await metadata.get();
      if (server.revocation_endpoint === undefined) return undefined;
      const { response, text } = await authenticated(
        (server, client, authentication) =>
          oauth.revocationRequest(server, client, authentication, secret.reveal(), { ...options(signal), ...hint }),
        signal,
      );
      const error = response.status === 200 ? undefined : oauthErrorOf(text);
      if (error === 'unsupported_token_type') return undefined;
      if (response.status !== 200)
        throw new ExeatError('credential_unavailable', `the authority did not revoke: ${error ?? response.status}`);
      if (server.introspection_endpoint === undefined) return { proof: 'accepted' };
      return { proof: await introspected(secret, signal) };
    },
  };

  async function introspected(secret: Secret, signal: AbortSignal): Promise<RevocationProof['proof']> {
    const active = await authenticated(
      (server, client, authentication) => oauth.introspectionRequest(server, client, authentication, secret.reveal(), options(signal)),
      signal,
    )
      .then(async ({ response, server, client }) => (await oauth.processIntrospectionResponse(server, client, response)).active)
      .catch(() => undefined);
    if (active === true)
      throw new ExeatError('credential_unavailable', 'the authority accepted the revocation, and says that the token is still active');
    return active === false ? 'introspected' : 'accepted';
  }
}
