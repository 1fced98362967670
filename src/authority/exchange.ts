import { decodeJwt } from 'jose';
import type { JWTPayload } from 'jose';
import type { AccessTokens, Actor, Grant } from './access-tokens.ts';
import type { WorkloadClient } from './client-authentication.ts';
import type { ResourceConfig } from './config.ts';
import type { ExchangeRequest, TypedToken } from './exchange-request.ts';
import { oauthError } from './oauth-error.ts';
import type { OAuthError } from './oauth-error.ts';
import type { IssuedToken } from './registry.ts';
import type { Party, TrustedIssuers } from './trusted-issuers.ts';

const deepestChain = 8;
const typsOf = { jwt: new Set(['', 'jwt', 'jose']), access_token: new Set(['', 'jwt', 'jose', 'at+jwt']) } as const;

/** What an exchange is decided on. */
export interface ExchangeDeps {
  readonly issuer: string;
  readonly issuers: TrustedIssuers;
  readonly tokens: AccessTokens;
  readonly resources: Readonly<Record<string, ResourceConfig>>;
  readonly tokenTtlMs: number;
  readonly now: () => number;
}

/** A party on whose behalf, or who acts; `record` when its token is one of our own. */
interface Bearer {
  readonly id: string;
  readonly iss: string;
  readonly sub: string;
  readonly expiresAtS: number;
  readonly claims: JWTPayload;
  readonly record?: IssuedToken;
}

/**
 * What the exchanged token may say (RFC 8693). It never says more than the subject token: not longer, not another task, and from an
 * access token of ours not another scope. When the client acts for someone else it is named in `act`, asked for or not.
 */
export async function decideExchange(deps: ExchangeDeps, client: WorkloadClient, request: ExchangeRequest): Promise<Grant | OAuthError> {
  const subject = await subjectOf(deps, client, request.subject);
  if ('error' in subject) return subject;
  const presented = request.actor && (await actorOf(deps, client, request.actor));
  if (presented !== undefined && 'error' in presented) return presented;

  const actor = actorClaim(client, subject, presented !== undefined);
  if (actor !== undefined && 'error' in actor) return actor;
  const scope = narrowedScope(request, subject);
  if ('error' in scope) return scope;
  const task = inheritedTask(request, subject);
  if ('error' in task) return task;

  const issuedAtS = Math.floor(deps.now() / 1000);
  const ends = [issuedAtS + Math.floor(deps.tokenTtlMs / 1000), subject.expiresAtS, presented?.expiresAtS ?? Number.POSITIVE_INFINITY];
  const expiresAtS = Math.floor(Math.min(...ends));
  if (expiresAtS <= issuedAtS) return oauthError('invalid_request', 'subject_token or actor_token expires within a second');
  return {
    client: { id: client.id, clientId: client.party.subject },
    subject,
    audience: request.audience,
    scope: scope.granted.join(' '),
    actor,
    ...task,
    parent: subject.record?.jti,
    issuedAtS,
    expiresAtS,
  };
}

async function subjectOf(deps: ExchangeDeps, client: WorkloadClient, sent: TypedToken): Promise<Bearer | OAuthError> {
  if (issuerOf(sent.token) === deps.issuer) return ownSubject(deps, client, sent.token);
  const party = await deps.issuers.verify(sent.token, typsOf[sent.kind]);
  return 'because' in party ? oauthError('invalid_request', `subject_token is not accepted: ${party.because}`) : bearer(party);
}

async function ownSubject(deps: ExchangeDeps, client: WorkloadClient, jwt: string): Promise<Bearer | OAuthError> {
  const live = await deps.tokens.live(jwt);
  if (live === undefined) return oauthError('invalid_request', 'subject_token is not accepted: it is not active');
  const { claims, record } = live;
  const servers = Object.hasOwn(deps.resources, record.audience) ? deps.resources[record.audience]?.workloads : undefined;
  // A bearer token found somewhere must not be worth more in another workload's hands.
  if (record.client !== client.id && record.audience !== deps.issuer && servers?.includes(client.id) !== true) {
    return oauthError('invalid_request', 'subject_token is not accepted: it was neither issued to this client nor for it');
  }
  return { id: record.subject, iss: record.subjectIssuer, sub: claims.sub ?? '', expiresAtS: claims.exp ?? 0, claims, record };
}

async function actorOf(deps: ExchangeDeps, client: WorkloadClient, sent: TypedToken): Promise<Bearer | OAuthError> {
  const party = await deps.issuers.verify(sent.token, typsOf.jwt);
  if ('because' in party) return oauthError('invalid_request', `actor_token is not accepted: ${party.because}`);
  // Otherwise a client could have it recorded that another one acted.
  return party.id === client.id ? bearer(party) : oauthError('invalid_request', 'actor_token is not that of the client');
}

function actorClaim(client: WorkloadClient, subject: Bearer, asked: boolean): Actor | OAuthError | undefined {
  const { may_act: mayAct, act } = subject.claims;
  const prior = readActor(act, deepestChain);
  if (prior === 'unreadable') return oauthError('invalid_request', 'subject_token is not accepted: its act claim cannot be read');
  if (!asked && prior === undefined && client.id === subject.id) return undefined;
  const { issuer: iss, subject: sub } = client.party;
  if (mayAct !== undefined && !permits(mayAct, { iss, sub })) {
    return oauthError('invalid_request', 'subject_token does not allow this client to act (may_act)');
  }
  if (prior === undefined) return { iss, sub };
  return prior.iss === iss && prior.sub === sub ? prior : { iss, sub, act: prior };
}

/** The chain of an `act` claim, reduced to who it names. */
function readActor(claim: unknown, levelsLeft: number): Actor | 'unreadable' | undefined {
  if (claim === undefined) return undefined;
  if (typeof claim !== 'object' || claim === null || levelsLeft <= 1) return 'unreadable';
  const { iss, sub, act } = claim as Readonly<Record<string, unknown>>;
  const inner = readActor(act, levelsLeft - 1);
  if (typeof sub !== 'string' || !['string', 'undefined'].includes(typeof iss) || inner === 'unreadable') return 'unreadable';
  return { ...(typeof iss === 'string' && { iss }), sub, ...(inner && { act: inner }) };
}

function permits(mayAct: unknown, { iss, sub }: Actor): boolean {
  if (typeof mayAct !== 'object' || mayAct === null) return false;
  const named = mayAct as Readonly<Record<string, unknown>>;
  return named['sub'] === sub && (named['iss'] === undefined || named['iss'] === iss);
}

function narrowedScope(request: ExchangeRequest, { record }: Bearer): { readonly granted: readonly string[] } | OAuthError {
  const ceiling = record === undefined ? undefined : new Set(record.scope.split(' '));
  const within = (scope: string): boolean => ceiling?.has(scope) ?? true;
  const asked = request.scope ?? request.resource.scopes.filter(within);
  return asked.every(within) ? { granted: asked } : oauthError('invalid_scope', 'a scope goes beyond that of subject_token');
}

/** A token of a task stays one of that task. */
function inheritedTask(
  request: ExchangeRequest,
  { record }: Bearer,
): { readonly taskId: string | undefined; readonly intent: string | undefined } | OAuthError {
  const { taskId = record?.taskId, intent = record?.intent } = request;
  const kept = (record?.taskId ?? taskId) === taskId && (record?.intent ?? intent) === intent;
  return kept ? { taskId, intent } : oauthError('invalid_request', 'subject_token belongs to another task or intent');
}

function bearer({ id, issuer, subject, expiresAtS, claims }: Party): Bearer {
  return { id, iss: issuer, sub: subject, expiresAtS, claims };
}

function issuerOf(jwt: string): string | undefined {
  try {
    return decodeJwt(jwt).iss;
  } catch {
    return undefined;
  }
}
