import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { RunningAuthority } from './exeat.ts';

/** What a token says about the call that carries it. */
export interface TokenClaims {
  readonly task: string | undefined;
  readonly scope: string | undefined;
  readonly subject: string | undefined;
}

/** What a protected API does with a bearer token: signature, issuer, audience and expiry, then whether it is still active. undefined = not good. */
export type TokenCheck = (authorization: string | undefined) => Promise<TokenClaims | undefined>;

export function createTokenCheck({ issuer, introspection }: RunningAuthority, audience: string): TokenCheck {
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const basic = `Basic ${Buffer.from(`${introspection.id}:${introspection.secret}`).toString('base64')}`;
  return async (authorization) => {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const verified = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', algorithms: ['ES256'] }).catch(() => undefined);
    if (verified === undefined) return undefined;
    const body = new URLSearchParams({ token });
    const answer = await fetch(`${issuer}/introspect`, { method: 'POST', headers: { authorization: basic }, body });
    const { active } = (await answer.json()) as { active: boolean };
    const { task_id: task, scope, sub: subject } = verified.payload as { task_id?: string; scope?: string; sub?: string };
    return active ? { task, scope, subject } : undefined;
  };
}
