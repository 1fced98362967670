import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CompactSign } from 'jose';
import { packTar } from 'modern-tar';
import type { BundleTrust } from '../../src/policy/bundle-signature.ts';

/** Who signs bundles in a test, and the file of the public key. */
export interface TestSigner {
  readonly key: KeyObject;
  readonly trust: BundleTrust;
}

/** What a test makes wrong in a bundle. */
export interface BundleWishes {
  readonly kid?: string;
  readonly algorithm?: string;
  readonly digestName?: string;
  readonly scope?: string;
  readonly signatures?: (token: string) => unknown;
  /** Digests of what is not in the files. */
  readonly signed?: Readonly<Record<string, string>>;
  /** After signing. */
  readonly packed?: Readonly<Record<string, string | undefined>>;
  /** As whose entries the files are packed. */
  readonly entry?: (name: string) => { readonly name: string; readonly type?: 'symlink' | 'file'; readonly linkname?: string };
}

export function createSigner(folder: string, name = 'release'): TestSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = join(folder, `${name}.pem`);
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
  return { key: privateKey, trust: { keys: { [name]: { file, algorithm: 'ES256' } }, scope: undefined } };
}

/** A bundle as `opa sign` and `tar` make it. Manifest and data must be canonical already. */
export async function packBundle(
  files: Readonly<Record<string, string | Buffer>>,
  { key, trust }: TestSigner,
  wishes: BundleWishes = {},
): Promise<Buffer> {
  const { algorithm = 'ES256', digestName = 'SHA-256' } = wishes;
  const signed = [...Object.entries(files), ...Object.entries(wishes.signed ?? {})];
  const claims = {
    files: signed.map(([name, text]) => ({ name, hash: createHash('sha256').update(text).digest('hex'), algorithm: digestName })),
    scope: wishes.scope,
  };
  const kid = wishes.kid ?? Object.keys(trust.keys)[0] ?? '';
  const token = await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: algorithm, kid }).sign(key);
  const signatures = wishes.signatures === undefined ? { signatures: [token] } : wishes.signatures(token);
  const all = { ...files, ...(signatures === undefined ? {} : { '.signatures.json': JSON.stringify(signatures) }), ...wishes.packed };
  const entries = Object.entries(all).flatMap(([name, text]) => {
    if (text === undefined) return [];
    const entry = wishes.entry?.(name) ?? { name };
    const body = Buffer.from(entry.type === 'symlink' ? '' : text);
    return [{ header: { size: body.length, ...entry }, body: new Uint8Array(body) }];
  });
  return gzipSync(await packTar(entries));
}

export function manifestOf(revision: string, serial?: number): string {
  return JSON.stringify({ ...(serial !== undefined && { metadata: { serial } }), revision });
}
