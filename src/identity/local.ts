import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprintUri, SignJWT } from 'jose';
import type { JWK } from 'jose';
import { Secret } from '../secret.ts';
import { z } from '../settings.ts';
import type { Principal, WorkloadIdentitySource, WorkloadToken } from './identity.ts';

/** A laptop's or job's own key: proves "the same user on the same host as before", to whoever was given its public half. */
export const kind = 'local';

export const config = z.strictObject({
  source: z.literal('local'),
  /** Where the key is kept; the user's state folder unless said. */
  folder: z.string().min(1).optional(),
});

export interface LocalIdentityDeps {
  /** The user's state folder. */
  readonly folder: string;
  readonly now?: () => number;
}

const lifeMs = 5 * 60_000;
const mostAudiences = 100;

/**
 * Makes the key at first use (`local.key`, 0600) and keeps it; writes its public half to `local.jwks.json` beside it. The issuer is
 * the key's thumbprint URI (RFC 9278), so that no two keys can ever share a name. `expiresAt` is Infinity: the key does not expire.
 */
export async function create(settings: z.output<typeof config>, deps: LocalIdentityDeps): Promise<WorkloadIdentitySource> {
  const now = deps.now ?? Date.now;
  const folder = settings.folder ?? deps.folder;
  const key = loadKey(folder);
  const jwk = createPublicKey(key).export({ format: 'jwk' }) as JWK;
  const issuer = await calculateJwkThumbprintUri(jwk, 'sha256');
  publish(folder, { ...jwk, kid: issuer, alg: 'ES256', use: 'sig' });
  const subject = `local:${userName()}@${hostname()}`;
  const principal: Principal = { id: `${issuer}|${subject}`, issuer, subject, kind: 'local', attributes: {} };
  const minted = new Map<string, WorkloadToken>();

  const mint = async (audience: string): Promise<WorkloadToken> => {
    const issuedAtS = Math.floor(now() / 1000);
    const jwt = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: issuer })
      .setIssuer(issuer)
      .setSubject(subject)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt(issuedAtS)
      .setExpirationTime(issuedAtS + lifeMs / 1000)
      .sign(key);
    return { jwt: new Secret(jwt), principal, expiresAt: issuedAtS * 1000 + lifeMs };
  };

  return {
    async token(audience, _signal, fresh): Promise<WorkloadToken> {
      const held = minted.get(audience);
      if (held !== undefined && fresh !== true && held.expiresAt - now() > lifeMs / 2) return held;
      const token = await mint(audience);
      if (minted.size >= mostAudiences) minted.clear();
      minted.set(audience, token);
      return token;
    },
    principal: () => principal,
    expiresAt: () => Number.POSITIVE_INFINITY,
    onRotation: () => undefined,
    async [Symbol.asyncDispose]() {
      minted.clear();
    },
  };
}

/** Where the public half of the key in this folder is. */
export function publicKeysFile(folder: string): string {
  return join(folder, 'local.jwks.json');
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user that has no name.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

function loadKey(folder: string): KeyObject {
  const path = join(folder, 'local.key');
  const held = readIfThere(path);
  if (held !== undefined) return createPrivateKey(held);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  // Linked into place whole: of two first runs at once one wins, and none reads half a key.
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, pem, { flag: 'wx', mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(draft);
  }
  return createPrivateKey(readFileSync(path));
}

function publish(folder: string, jwk: JWK): void {
  const path = publicKeysFile(folder);
  const text = `${JSON.stringify({ keys: [jwk] }, undefined, 2)}\n`;
  if (readIfThere(path)?.toString() === text) return;
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, text, { mode: 0o644 });
  renameSync(draft, path);
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
