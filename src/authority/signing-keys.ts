import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import type { Records } from '../state.ts';
import { longestTokenLifeMs } from './config.ts';

const skewMs = 60_000;

interface StoredKey {
  readonly kid: string;
  readonly jwk: { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string; readonly d: string };
}

/** The public half (RFC 7517). */
type PublicJwk = Omit<StoredKey['jwk'], 'd'> & { readonly kid: string; readonly use: 'sig'; readonly alg: 'ES256' };

interface Ring {
  readonly current: StoredKey;
  readonly currentSince: number;
  /** Published, not yet signing: verifiers know it before they need it. */
  readonly next: StoredKey;
  /** Published until the last token they signed is dead. */
  readonly retired: readonly { readonly key: StoredKey; readonly until: number }[];
}

/** The stored form of the keys: one record, so that a rotation is all or nothing. */
export type KeyRecords = Records<Ring>;

/** The authority's ES256 keys: one signs, the next is already published, old ones stay until their tokens are dead. */
export interface SigningKeys {
  sign(claims: JWTPayload, typ: string): Promise<string>;
  jwks(): { readonly keys: readonly PublicJwk[] };
  /** The public key that may have signed a token with this `kid`. */
  verifier(kid: string | undefined): KeyObject | undefined;
  /** The next key signs from now on. Returns its `kid`. */
  rotate(): string;
}

/** Loads the keys, or makes the first ones. `everyMs`: age at which the signing key is replaced by itself. */
export function createSigningKeys(records: KeyRecords, options: { readonly everyMs: number; readonly now: () => number }): SigningKeys {
  const { everyMs, now } = options;
  const objects = new Map<string, { readonly secret: KeyObject; readonly open: KeyObject }>();
  let ring = records.all()[0]?.value ?? keep({ current: newKey(), currentSince: now(), next: newKey(), retired: [] });

  function keep(next: Ring): Ring {
    records.put('ring', next);
    return next;
  }

  function objectsOf({ kid, jwk }: StoredKey): { readonly secret: KeyObject; readonly open: KeyObject } {
    const known = objects.get(kid);
    if (known !== undefined) return known;
    const secret = createPrivateKey({ key: jwk, format: 'jwk' });
    const made = { secret, open: createPublicKey(secret) };
    objects.set(kid, made);
    return made;
  }

  function published(): readonly StoredKey[] {
    const at = now();
    return [ring.current, ring.next, ...ring.retired.filter(({ until }) => until > at).map(({ key }) => key)];
  }

  function rotate(): string {
    const at = now();
    const retired = [...ring.retired.filter(({ until }) => until > at), { key: ring.current, until: at + longestTokenLifeMs + skewMs }];
    ring = keep({ current: ring.next, currentSince: at, next: newKey(), retired });
    return ring.current.kid;
  }

  return {
    sign: (claims, typ) => {
      if (now() - ring.currentSince >= everyMs) rotate();
      const { current } = ring;
      return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ, kid: current.kid }).sign(objectsOf(current).secret);
    },
    jwks: () => ({
      keys: published().map(({ kid, jwk: { kty, crv, x, y } }) => ({ kty, crv, x, y, kid, use: 'sig', alg: 'ES256' })),
    }),
    verifier: (kid) => {
      const key = published().find((candidate) => candidate.kid === kid);
      return key === undefined || key === ring.next ? undefined : objectsOf(key).open;
    },
    rotate,
  };
}

function newKey(): StoredKey {
  const { x = '', y = '', d = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  // RFC 7638: the thumbprint, members in this order.
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');
  return { kid, jwk: { kty: 'EC', crv: 'P-256', x, y, d } };
}
