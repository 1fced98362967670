import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK, JWTHeaderParameters, JWTPayload } from 'jose';

/** An issuer of workload identities that exists for one test: a P-256 key and what it signs. */
export interface WorkloadIssuer {
  readonly issuer: string;
  readonly key: CryptoKey;
  readonly publicJwk: JWK;
  readonly jwks: { readonly keys: { kty: string; [member: string]: unknown }[] };
  /** Claims overwrite the good defaults; undefined takes one out. */
  token(claims: TokenClaims, header?: Partial<JWTHeaderParameters>): Promise<string>;
}

export type TokenClaims = { readonly [K in keyof JWTPayload]?: JWTPayload[K] | undefined };

/** `issuer` names whose tokens they are; `kid` is in the key and in every header. */
export async function createWorkloadIssuer(issuer = 'https://issuer.example', kid = 'k1'): Promise<WorkloadIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kty: 'EC', kid, use: 'sig', alg: 'ES256' };
  return {
    issuer,
    key: privateKey,
    publicJwk,
    jwks: { keys: [publicJwk] },
    token: (claims, header) => {
      const now = Math.floor(Date.now() / 1000);
      const payload = { iss: issuer, iat: now, exp: now + 600, ...claims } as JWTPayload;
      return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid, ...header }).sign(privateKey);
    },
  };
}
