import type { Client, ClientAuthentication } from './client-authentication.ts';
import type { ResourceConfig } from './config.ts';
import type { AuthorityEvent } from './events.ts';
import { readExchangeRequest } from './exchange-request.ts';
import { decideExchange } from './exchange.ts';
import type { ExchangeDeps } from './exchange.ts';
import type { Form } from './form.ts';
import { exchangeGrant } from './metadata.ts';
import { isOAuthError, oauthError } from './oauth-error.ts';
import type { OAuthError } from './oauth-error.ts';
import type { IssuedToken, Registry } from './registry.ts';

/** Answers one well-formed POST: the JSON body of a 200 (undefined = empty), or the refusal. A throw is a failure of ours. */
export type Endpoint = (
  form: Form,
  authorization: string | undefined,
) => Promise<Readonly<Record<string, unknown>> | undefined | OAuthError>;

/** What the endpoints share. */
export interface EndpointDeps extends ExchangeDeps {
  readonly authentication: ClientAuthentication;
  readonly registry: Registry;
  readonly emit: (event: AuthorityEvent) => void;
}

/** The token endpoint: token exchange (RFC 8693) and no other grant. */
export function createTokenEndpoint(deps: EndpointDeps): Endpoint {
  return async (form, authorization) => {
    const client = await deps.authentication.workload(form, authorization);
    if (isOAuthError(client)) return client;
    const grantType = form.one('grant_type');
    if (grantType === undefined) return oauthError('invalid_request', 'grant_type is needed');
    if (grantType !== exchangeGrant) return oauthError('unsupported_grant_type', 'only token exchange is supported');
    const request = readExchangeRequest(form, deps.resources);
    if (isOAuthError(request)) return request;
    const grant = await decideExchange(deps, client, request);
    if (isOAuthError(grant)) return grant;
    const { jwt, record } = await deps.tokens.issue(grant);
    const { jti, client: id, subject, audience, scope, taskId, expiresAt } = record;
    deps.emit({ type: 'issued', jti, client: id, subject, audience, scope, taskId, expiresAt });
    return {
      access_token: jwt,
      issued_token_type: request.issuedTokenType,
      token_type: 'Bearer',
      expires_in: grant.expiresAtS - grant.issuedAtS,
      ...(scope !== (form.one('scope') ?? '') && { scope }),
    };
  };
}

/** Revocation (RFC 7009): by the client a token was issued to, or by the resource it is for. Effective before the answer. */
export function createRevocationEndpoint(deps: EndpointDeps): Endpoint {
  return async (form, authorization) => {
    const client = await deps.authentication.workloadOrResourceServer(form, authorization);
    if (isOAuthError(client)) return client;
    const token = form.one('token');
    if (token === undefined) return oauthError('invalid_request', 'token is needed');
    const record = await deps.tokens.recorded(token);
    if (record === undefined) return undefined;
    if (record.client !== client.id && !serves(deps.resources, client, record)) {
      return oauthError('invalid_grant', 'the token was issued to another client');
    }
    deps.registry.revoke(record.jti);
    deps.emit({ type: 'revoked', jti: record.jti, by: client.id, taskId: record.taskId });
    return undefined;
  };
}

/** Introspection (RFC 7662) by `jti`. Any authenticated workload may ask about a token it holds: beyond its claims it learns only whether it lives. */
export function createIntrospectionEndpoint(deps: EndpointDeps): Endpoint {
  return async (form, authorization) => {
    const client = await deps.authentication.workloadOrResourceServer(form, authorization);
    if (isOAuthError(client)) return client;
    const token = form.one('token');
    if (token === undefined) return oauthError('invalid_request', 'token is needed');
    const live = await deps.tokens.live(token);
    const active = live !== undefined && (client.kind === 'workload' || serves(deps.resources, client, live.record));
    deps.emit({ type: 'introspected', by: client.id, active, jti: live?.record.jti });
    return active ? { active, token_type: 'Bearer', ...live.claims } : { active };
  };
}

/** The client is the resource that the token is for. */
function serves(resources: Readonly<Record<string, ResourceConfig>>, client: Client, { audience }: IssuedToken): boolean {
  if (client.kind === 'resource_server') return client.resources?.has(audience) ?? true;
  return Object.hasOwn(resources, audience) && resources[audience]?.workloads.includes(client.id) === true;
}
