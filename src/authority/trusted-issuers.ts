import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import type { TrustedIssuerConfig } from './config.ts';
import { createKeyLookup } from './issuer-keys.ts';
import type { KeyLookup, OpenFetch } from './issuer-keys.ts';

/** Fixed: what SPIFFE allows for JWT-SVIDs. No `none`, no HMAC, whatever a token or a key set says. */
export const acceptedAlgorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const;

const skewS = 5;
const spiffeId = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+)$/;

/** Whom a verified token speaks for. */
export interface Party {
  readonly issuer: string;
  readonly subject: string;
  /** A `spiffe://…` subject as it is, else `<issuer>|<subject>`: subjects of two issuers are never the same. */
  readonly id: string;
  readonly subjectOnly: boolean;
  readonly expiresAtS: number;
  readonly claims: JWTPayload;
}

/** Why a token is not accepted, in our own words. */
interface Unacceptable {
  readonly because: string;
}

/** Verifies JWTs of the issuers that the config trusts. */
export interface TrustedIssuers {
  /** `typs`: accepted `typ` values, lower case, '' for none. Rejects only when an issuer's keys cannot be had. */
  verify(jwt: string, typs: ReadonlySet<string>): Promise<Party | Unacceptable>;
}

/** `audience`: the authority's issuer, which has to be the token's only audience. */
export function createTrustedIssuers(
  trusted: readonly TrustedIssuerConfig[],
  { audience, openFetch, now }: { readonly audience: string; readonly openFetch: OpenFetch; readonly now: () => number },
): TrustedIssuers {
  const byIssuer = new Map<string, Entry>();
  const byDomain = new Map<string, Entry>();
  for (const config of trusted) {
    const domain = config.issuer.startsWith('spiffe://') ? config.issuer.slice(9) : config.trust_domain;
    const [map, key] = domain === undefined ? [byIssuer, config.issuer] : [byDomain, domain];
    if (map.has(key)) throw new Error(`the issuer ${key} is trusted twice`);
    map.set(key, { config, keys: createKeyLookup(config, { openFetch, now }) });
  }

  /** A SPIFFE ID belongs to its trust domain, whoever claims to have issued it; everything else to its `iss`. */
  function entryOf({ iss, sub }: JWTPayload): Entry | undefined {
    if (sub?.startsWith('spiffe://') === true) return byDomain.get(spiffeId.exec(sub)?.[1] ?? '');
    return byIssuer.get(iss ?? '');
  }

  return {
    verify: async (jwt, typs) => {
      const read = readUnverified(jwt, typs);
      if ('because' in read) return read;
      const entry = entryOf(read.claims);
      if (entry === undefined) return { because: 'its issuer is not trusted here' };
      const verified = await verify(jwt, entry.keys, now());
      return 'because' in verified ? verified : partyOf(verified.claims, { entry, audience, nowS: now() / 1000 });
    },
  };
}

interface Entry {
  readonly config: TrustedIssuerConfig;
  readonly keys: KeyLookup;
}

interface Claims {
  readonly claims: JWTPayload;
}

function readUnverified(jwt: string, typs: ReadonlySet<string>): Claims | Unacceptable {
  try {
    const { typ, crit } = decodeProtectedHeader(jwt);
    if (crit !== undefined) return { because: 'it has critical headers' };
    if (!typs.has(plainTyp(typ))) return { because: 'its typ is not accepted here' };
    return { claims: decodeJwt(jwt) };
  } catch {
    return { because: 'it is not a JWT' };
  }
}

/** A `typ` as RFC 7515 §4.1.9 compares it; '' when there is none. */
export function plainTyp(typ: unknown): string {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : '';
}

async function verify(jwt: string, keys: KeyLookup, atMs: number): Promise<Claims | Unacceptable> {
  try {
    const { payload } = await jwtVerify(jwt, keys, {
      algorithms: [...acceptedAlgorithms],
      requiredClaims: ['sub', 'exp', 'aud'],
      clockTolerance: skewS,
      currentDate: new Date(atMs),
    });
    return { claims: payload };
  } catch (error) {
    if (error instanceof errors.JOSEError) return { because: reasons[error.code] ?? 'it is not valid' };
    throw error;
  }
}

const reasons: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'it has expired',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'a claim is missing or not acceptable',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature does not verify',
  ERR_JWKS_NO_MATCHING_KEY: 'no key of its issuer fits',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'it has no kid and several keys fit',
  ERR_JOSE_ALG_NOT_ALLOWED: 'its alg is not accepted',
};

function partyOf(
  claims: JWTPayload,
  { entry, audience, nowS }: { readonly entry: Entry; readonly audience: string; readonly nowS: number },
): Party | Unacceptable {
  const { aud, iat, sub = '', exp = 0 } = claims;
  const { issuer, subject_only: subjectOnly } = entry.config;
  const only = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (only !== audience) return { because: 'this authority has to be its only audience' };
  if (exp <= nowS) return { because: 'it has expired' };
  if (iat !== undefined && iat > nowS + skewS) return { because: 'it was issued in the future' };
  if (typeof sub !== 'string' || sub === '') return { because: 'its sub is not acceptable' };
  const id = sub.startsWith('spiffe://') ? sub : `${issuer}|${sub}`;
  return { issuer, subject: sub, id, subjectOnly, expiresAtS: exp, claims };
}
