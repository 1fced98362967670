import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../replace-file.ts';
import type { Secret } from '../secret.ts';

/** Signs checkpoints (Ed25519). */
export interface SigningKey {
  readonly id: string;
  /** Base64url. */
  sign(text: string): string;
}

/** Checks checkpoints. */
export interface VerificationKey {
  readonly id: string;
  verify(text: string, signature: string): boolean;
}

/** Keeps checkpoint signatures apart from anything else that the key may be made to sign. */
const domain = 'exeat audit checkpoint v1\n';

/**
 * The key given, or the one in the folder: `audit-signing-key.pem` (0600), made at first use. The public half is written beside it as
 * `audit-public.pem`. Throws when the key cannot be read or is not Ed25519.
 */
export function openSigningKey(folder: string, given?: Secret): SigningKey {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const key = ed25519(createPrivateKey(given?.reveal() ?? keyFile(join(folder, 'audit-signing-key.pem'))));
  const publicKey = createPublicKey(key);
  replaceFile(join(folder, 'audit-public.pem'), publicKey.export({ type: 'spki', format: 'pem' }), 0o644);
  return { id: keyId(publicKey), sign: (text) => sign(null, Buffer.from(domain + text), key).toString('base64url') };
}

/** From the PEM text of a public key. Throws when it is none, or not Ed25519. */
export function verificationKey(pem: string): VerificationKey {
  const key = ed25519(publicKeyOf(pem));
  return {
    id: keyId(key),
    verify: (text, signature) => verify(null, Buffer.from(domain + text), key, Buffer.from(signature, 'base64url')),
  };
}

function keyFile(path: string): string {
  if (!existsSync(path)) {
    replaceFile(path, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  }
  return readFileSync(path, 'utf8');
}

function publicKeyOf(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new Error('the public-key file holds no public key in PEM', { cause });
  }
}

function ed25519(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the audit log is signed with Ed25519; this is another kind of key');
  return key;
}

/** 96 bits of the SHA-256 of the SubjectPublicKeyInfo, base64url. */
function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
    .slice(0, 16);
}
