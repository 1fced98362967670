import { createPublicKey } from 'node:crypto';
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import { readPlainFile } from '../plain-file.ts';
import type { BundleConfig } from './engine-config.ts';
import { isObject } from './engine-answer.ts';

/** Whose signatures count. */
export type BundleTrust = Pick<BundleConfig, 'keys' | 'scope'>;

export interface SignedFile {
  readonly name: string;
  readonly hash: string;
  readonly algorithm: string;
}

const largestKeyBytes = 64 * 1024;

/** The files that are signed, by name. Throws unless the one signature is by a key of ours. */
export async function verifySignature(text: Buffer | undefined, trust: BundleTrust): Promise<ReadonlyMap<string, SignedFile>> {
  if (text === undefined) throw new Error('the policy bundle is not signed');
  const found: unknown = JSON.parse(text.toString());
  const tokens: unknown = isObject(found) ? found['signatures'] : undefined;
  const [token, ...more]: unknown[] = Array.isArray(tokens) ? tokens : [];
  if (typeof token !== 'string' || more.length > 0) throw new Error('the policy bundle needs exactly one signature');
  const claims = await verifiedClaims(token, trust.keys);
  if ((claims['scope'] ?? '') !== (trust.scope ?? '')) throw new Error('the policy bundle is signed for another scope');
  return filesIn(claims['files']);
}

async function verifiedClaims(token: string, keys: BundleTrust['keys']): Promise<Readonly<Record<string, unknown>>> {
  // Chooses among our own keys, and nothing else: before the signature is verified nothing in it is believed.
  const id = decodeProtectedHeader(token).kid ?? decodeJwt(token)['keyid'];
  const only = Object.keys(keys).length === 1 ? Object.keys(keys)[0] : undefined;
  const name = typeof id === 'string' ? id : only;
  const key = name !== undefined && Object.hasOwn(keys, name) ? keys[name] : undefined;
  if (key === undefined) throw new Error(`the policy bundle is signed by a key that is not among ${Object.keys(keys).join(', ')}`);
  const pem = readPlainFile(key.file, largestKeyBytes).toString();
  if (pem.includes('PRIVATE KEY')) throw new Error(`${key.file} is a private key: give the public one`);
  try {
    const { payload } = await compactVerify(token, createPublicKey(pem), { algorithms: [key.algorithm] });
    const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
    return isObject(claims) ? claims : {};
  } catch (cause) {
    throw new Error("the policy bundle's signature is not valid", { cause });
  }
}

function filesIn(files: unknown): ReadonlyMap<string, SignedFile> {
  if (!Array.isArray(files)) throw new Error("the policy bundle's signature names no files");
  return new Map(
    files.map((file: unknown) => {
      const { name, hash, algorithm } = isObject(file) ? file : {};
      if (typeof name !== 'string' || typeof hash !== 'string' || typeof algorithm !== 'string')
        throw new Error("the policy bundle's signature names a file without its digest");
      return [name.replace(/^\//, ''), { name, hash, algorithm }];
    }),
  );
}
