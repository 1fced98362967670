import * as oauth from 'oauth4webapi';
import { ExeatError, refuse } from '../errors.ts';
import type { WorkloadToken } from '../identity/identity.ts';
import type { Permit } from '../policy/policy.ts';
import { Secret } from '../secret.ts';
import { duration, z } from '../settings.ts';
import type { AuthorityAnswer, AuthorityClient } from './authority-client.ts';
import type { CredentialProvider, IssuedCredential, NotIssued } from './credential.ts';
import { jsonObject, oauthErrorOf, retryAfterS } from './oauth-errors.ts';

/** RFC 8693: the workload's identity for a token that is good at one resource, issued for one task. */
export const kind = 'token-exchange';

const scopeList = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/;

export const config = z
  .strictObject({
    kind: z.literal('token-exchange'),
    audience: z.string().min(1).optional().meta({ description: 'logical name of the service the token is for' }),
    resource: z
      .url({ error: 'expected an absolute URI' })
      .refine((uri) => !uri.includes('#'), 'a resource has no fragment')
      .optional()
      .meta({ description: 'URI of the service the token is for (RFC 8707)' }),
    scope: z.string().regex(scopeList, 'expected scopes with single spaces between them').optional(),
    actor_token: z
      .boolean()
      .default(true)
      .meta({ description: 'ask for delegation; off for authorities that refuse an actor that is the client' }),
    max_ttl: duration.prefault('5m').meta({ description: 'a token is not used for longer, whatever its own life' }),
  })
  .refine(({ audience, resource }) => (audience ?? resource) !== undefined, {
    path: ['audience'],
    error: 'a token needs an "audience" or a "resource" that it is for',
  });

export type TokenExchangeConfig = z.output<typeof config>;

export interface TokenExchangeDeps {
  readonly authority: AuthorityClient;
  readonly now?: () => number;
}

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const tokenType = { jwt: 'urn:ietf:params:oauth:token-type:jwt', accessToken: 'urn:ietf:params:oauth:token-type:access_token' } as const;
/** What we may put into an Authorization field (RFC 6750 §2.1). */
const bearerToken = /^[A-Za-z0-9._~+/-]+=*$/;
/** A token that is to live longer never expires, as far as anyone can rely on it. */
const longestLifeMs = 10 * 365 * 86_400_000;

export function create(settings: TokenExchangeConfig, { authority, now = Date.now }: TokenExchangeDeps): CredentialProvider {
  const inputs = [authority.issuer, settings.audience ?? '', settings.resource ?? '', settings.scope ?? '', String(settings.actor_token)];
  let longestSeenMs = 0;
  return {
    kind,
    shared: false,
    legacy: false,
    audience: settings.audience ?? settings.resource,
    scope: settings.scope,
    issuer: authority.issuer,
    get longestLifeMs() {
      return Math.max(settings.max_ttl, longestSeenMs);
    },
    cacheKey: () => inputs,
    async issue(permit, signal): Promise<IssuedCredential | NotIssued> {
      const askedAt = now();
      const answer = await authority.tokenRequest({ grantType, parameters: (token) => parametersOf(settings, permit, token) }, signal);
      if ('notIssued' in answer) return answer;
      if (answer.response.status !== 200) return refusedBy(answer, now());
      const issued = await credentialOf(settings, answer, askedAt);
      if (Number.isFinite(issued.expiresAt)) longestSeenMs = Math.max(longestSeenMs, issued.expiresAt - askedAt);
      return issued;
    },
    revoke: (secret, signal) => authority.revoke(secret, signal),
  };
}

function parametersOf(settings: TokenExchangeConfig, permit: Permit, token: WorkloadToken): Record<string, string> {
  const { audience, resource, scope } = settings;
  const { task } = permit.request;
  return {
    subject_token: token.jwt.reveal(),
    subject_token_type: tokenType.jwt,
    ...(settings.actor_token && { actor_token: token.jwt.reveal(), actor_token_type: tokenType.jwt }),
    requested_token_type: tokenType.accessToken,
    ...(audience !== undefined && { audience }),
    ...(resource !== undefined && { resource }),
    ...(scope !== undefined && { scope }),
    // Ours: the embedded authority writes them into the token; others ignore what they do not know (RFC 6749 §3.2).
    task_id: task.id,
    intent: task.intent,
  };
}

/** Errors after which waiting helps nobody but an operator; all else may pass. */
const standing = new Set(['invalid_request', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope', 'invalid_target']);

function refusedBy({ response, text }: AuthorityAnswer, now: number): NotIssued {
  const { status } = response;
  const error = oauthErrorOf(text);
  const wait = retryAfterS(response.headers.get('retry-after'), now);
  const outage = status === 429 || status >= 500 || error === 'slow_down' || error === 'temporarily_unavailable';
  const hint = error !== undefined && standing.has(error) ? ' (configuration)' : '';
  return {
    notIssued: refuse('credential_unavailable', wait === undefined ? {} : { retryAfterS: wait }),
    reason: `the authority answered ${status}${error === undefined ? '' : ` ${error}`}${hint}`,
    outage,
  };
}

/** Checks an answer of 200 as RFC 8693 §2.2.1 asks. What holds a token that must not be used is `unfit`; what holds none throws. */
async function credentialOf(settings: TokenExchangeConfig, answer: AuthorityAnswer, askedAt: number): Promise<IssuedCredential> {
  const found = jsonObject(answer.text);
  const value = found?.['access_token'];
  if (found === undefined || typeof value !== 'string' || value === '') {
    throw new ExeatError('credential_unavailable', 'the authority answered 200 without a token');
  }
  const lifeMs = found['expires_in'] === undefined ? Number.NaN : Number(found['expires_in']) * 1000;
  const stated = jwtExpiry(value);
  const ends = [lifeMs >= 0 ? askedAt + lifeMs : undefined, stated].filter((at) => at !== undefined);
  // Without any word from the authority the local default is all there is to go by.
  const last = ends.length === 0 ? askedAt + settings.max_ttl : Math.max(...ends);
  const expiresAt = last - askedAt > longestLifeMs ? Number.POSITIVE_INFINITY : last;
  const endless = Number.isFinite(expiresAt) ? undefined : 'it lives for more than ten years, which is no expiry';
  const unfit = (await problemOf(settings, answer, found, value)) ?? endless;
  const scope = found['scope'];
  return {
    headers: unfit === undefined ? [['authorization', new Secret(`Bearer ${value}`)]] : [],
    secret: new Secret(value),
    expiresAt,
    usableUntil: Math.min(...ends, askedAt + settings.max_ttl, answer.token.expiresAt),
    ...(typeof scope === 'string' ? { scope } : settings.scope === undefined ? {} : { scope: settings.scope }),
    ...(answer.server.revocation_endpoint === undefined && { revocable: false as const }),
    ...(unfit !== undefined && { unfit }),
  };
}

async function problemOf(
  settings: TokenExchangeConfig,
  { server, client, response }: AuthorityAnswer,
  found: Readonly<Record<string, unknown>>,
  value: string,
): Promise<string | undefined> {
  const wellFormed = await oauth.processGenericTokenEndpointResponse(server, client, response).then(
    () => true,
    // Its message and cause may quote the token.
    () => false,
  );
  const type = found['token_type'];
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') return 'the token is not a bearer token';
  if (!wellFormed) return 'the token answer is malformed';
  if (found['issued_token_type'] !== tokenType.accessToken && found['issued_token_type'] !== tokenType.jwt) {
    return 'the issued_token_type is not the one that was asked for';
  }
  if (!bearerToken.test(value)) return 'the token cannot be sent in a header field';
  const asked = new Set(settings.scope?.split(' '));
  const { scope } = found;
  // An authority may narrow what we ask for. Where we ask for nothing in particular, its default is the grant.
  if (settings.scope !== undefined && typeof scope === 'string' && scope.split(' ').some((each) => each !== '' && !asked.has(each))) {
    return 'the scope is wider than the one that was asked for';
  }
  return undefined;
}

/** `exp` of a token that is a JWT, in epoch ms, at least 0. Only to know how long a resource may accept it; nothing is trusted for it. */
function jwtExpiry(token: string): number | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  const exp = jsonObject(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'))?.['exp'];
  return typeof exp === 'number' && Number.isFinite(exp) ? Math.max(0, exp * 1000) : undefined;
}
