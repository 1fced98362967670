import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import type { IssuedToken, Registry } from './registry.ts';
import type { SigningKeys } from './signing-keys.ts';
import { plainTyp } from './trusted-issuers.ts';

/** Who acts, and nested in it who acted before (RFC 8693 §4.1). */
export interface Actor {
  readonly iss?: string;
  readonly sub: string;
  readonly act?: Actor;
}

/** What an access token is to say. Times in whole seconds since the epoch. */
export interface Grant {
  /** Principal id of the client, and the `client_id` claim. */
  readonly client: { readonly id: string; readonly clientId: string };
  readonly subject: { readonly id: string; readonly iss: string; readonly sub: string };
  readonly audience: string;
  readonly scope: string;
  readonly actor: Actor | undefined;
  readonly taskId: string | undefined;
  readonly intent: string | undefined;
  readonly parent: string | undefined;
  readonly issuedAtS: number;
  readonly expiresAtS: number;
}

/** A token of our own that is alive, with its claims and its record. */
interface LiveToken {
  readonly claims: JWTPayload;
  readonly record: IssuedToken;
}

/** The access tokens of this authority: JWTs by RFC 9068, each one recorded before it is handed out. */
export interface AccessTokens {
  issue(grant: Grant): Promise<{ readonly jwt: string; readonly record: IssuedToken }>;
  /** undefined: not one of ours, expired, or revoked. */
  live(jwt: string): Promise<LiveToken | undefined>;
  /** The record of a token of ours that has not expired, revoked or not. */
  recorded(jwt: string): Promise<IssuedToken | undefined>;
}

/** `issuer` is the `iss` of every token. */
export function createAccessTokens(
  keys: SigningKeys,
  { registry, issuer, now }: { readonly registry: Registry; readonly issuer: string; readonly now: () => number },
): AccessTokens {
  const find = async (jwt: string): Promise<LiveToken | undefined> => {
    const claims = await verified(jwt, { keys, issuer, now });
    const record = registry.find(claims?.jti ?? '');
    return claims === undefined || record === undefined ? undefined : { claims, record };
  };

  return {
    issue: async (grant) => {
      const record = recordOf(grant);
      const jwt = await keys.sign(claimsOf(grant, { iss: issuer, jti: record.jti }), 'at+jwt');
      registry.add(record);
      return { jwt, record };
    },
    live: async (jwt) => {
      const found = await find(jwt);
      return found !== undefined && registry.active(found.record.jti) ? found : undefined;
    },
    recorded: async (jwt) => (await find(jwt))?.record,
  };
}

function recordOf({ client, subject, audience, scope, taskId, intent, parent, issuedAtS, expiresAtS }: Grant): IssuedToken {
  return {
    jti: randomUUID(),
    client: client.id,
    subject: subject.id,
    subjectIssuer: subject.iss,
    audience,
    scope,
    ...(taskId !== undefined && { taskId }),
    ...(intent !== undefined && { intent }),
    ...(parent !== undefined && { parent }),
    issuedAt: issuedAtS * 1000,
    expiresAt: expiresAtS * 1000,
  };
}

function claimsOf(grant: Grant, own: { readonly iss: string; readonly jti: string }): JWTPayload {
  const { client, subject, audience, scope, actor, taskId, intent, issuedAtS, expiresAtS } = grant;
  return {
    iss: own.iss,
    aud: audience,
    sub: subject.sub,
    // RFC 9493: `sub` alone says nothing about whose subject it is.
    sub_id: { format: 'iss_sub', iss: subject.iss, sub: subject.sub },
    client_id: client.clientId,
    iat: issuedAtS,
    exp: expiresAtS,
    jti: own.jti,
    ...(scope !== '' && { scope }),
    ...(actor && { act: actor }),
    ...(taskId !== undefined && { task_id: taskId }),
    ...(intent !== undefined && { intent }),
  };
}

async function verified(
  jwt: string,
  { keys, issuer, now }: { readonly keys: SigningKeys; readonly issuer: string; readonly now: () => number },
): Promise<JWTPayload | undefined> {
  try {
    const { kid, typ, crit } = decodeProtectedHeader(jwt);
    const key = keys.verifier(kid);
    if (key === undefined || crit !== undefined || plainTyp(typ) !== 'at+jwt') return undefined;
    return (await jwtVerify(jwt, key, { algorithms: ['ES256'], issuer, currentDate: new Date(now()) })).payload;
  } catch {
    return undefined;
  }
}
