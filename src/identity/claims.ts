import { decodeJwt } from 'jose';
import type { JWTPayload } from 'jose';
import type { Principal } from './identity.ts';

/** What a workload's own JWT says. Nobody's signature is checked: it is our proof to others, and they check it. */
export interface WorkloadClaims {
  readonly principal: Principal;
  readonly audiences: readonly string[];
  /** Epoch ms; `iat` is the time of reading where the token states none. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Audiences that an API server accepts by default (beside the cluster's own issuer). */
const apiServer = /^(https:\/\/)?kubernetes\.default(\.svc(\.cluster\.local)?)?(:443)?\/?$/;

/** SPIFFE ID, as the standard spells it: lower-case trust domain, plain segments, none of them `.` or `..`, no trailing slash. */
const spiffeId = /^spiffe:\/\/[a-z0-9._-]+(?<path>(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)*)$/;

/** Decodes a compact JWT; throws an Error that names what is wrong and quotes nothing of the token. */
export function readClaims(jwt: string, now: number): WorkloadClaims {
  const claims = decoded(jwt);
  if (typeof claims.exp !== 'number' || !Number.isFinite(claims.exp)) throw new Error('the workload token has no "exp"');
  if (typeof claims.sub !== 'string' || claims.sub === '') throw new Error('the workload token has no "sub"');
  const audiences = typeof claims.aud === 'string' ? [claims.aud] : Array.isArray(claims.aud) ? claims.aud.filter(isString) : [];
  const kubernetes = objectAt(claims, 'kubernetes.io');
  if (kubernetes !== undefined && audiences.length > 0 && audiences.every((aud) => aud === claims.iss || apiServer.test(aud))) {
    throw new Error('the workload token is one for the Kubernetes API server; project one with an "audience" of its own');
  }
  return {
    principal: principalOf(claims, claims.sub, kubernetes),
    audiences,
    issuedAt: typeof claims.iat === 'number' ? claims.iat * 1000 : now,
    expiresAt: claims.exp * 1000,
  };
}

function decoded(jwt: string): JWTPayload {
  try {
    return decodeJwt(jwt);
  } catch {
    // The cause may quote the token.
    throw new Error('the workload token is not a JWT');
  }
}

function principalOf(claims: JWTPayload, subject: string, kubernetes: object | undefined): Principal {
  if (subject.startsWith('spiffe://')) {
    const path = spiffeId.exec(subject)?.groups?.['path'];
    if (path === undefined || subject.length > 2048) throw new Error('the workload token\'s "sub" is not a valid SPIFFE ID');
    const trustDomain = subject.slice(0, subject.length - path.length);
    return { id: subject, issuer: claims.iss ?? trustDomain, subject, kind: 'jwt-svid', attributes: {} };
  }
  const issuer = claims.iss;
  if (typeof issuer !== 'string' || issuer === '') throw new Error('the workload token has no "iss"');
  // `|` in an issuer would let two (issuer, subject) pairs share one id.
  if (issuer.includes('|')) throw new Error('the workload token\'s "iss" is not an issuer identifier');
  const id = `${issuer}|${subject}`;
  if (kubernetes === undefined) return { id, issuer, subject, kind: 'oidc', attributes: {} };
  return { id, issuer, subject, kind: 'k8s-sa', attributes: kubernetesAttributes(kubernetes) };
}

/** Allow-list: what policy may read of a service-account token. */
function kubernetesAttributes(claim: object): Record<string, string> {
  const found = {
    namespace: stringAt(claim, 'namespace'),
    service_account: stringAt(objectAt(claim, 'serviceaccount'), 'name'),
    pod: stringAt(objectAt(claim, 'pod'), 'name'),
    node: stringAt(objectAt(claim, 'node'), 'name'),
  };
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function objectAt(value: object, key: string): object | undefined {
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'object' && found !== null ? found : undefined;
}

function stringAt(value: object | undefined, key: string): string | undefined {
  const found = value === undefined ? undefined : (value as Record<string, unknown>)[key];
  return isString(found) ? found : undefined;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
