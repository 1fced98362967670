import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { verifySignature, type BundleTrust } from './bundle-signature.ts';
import { isObject } from './engine-answer.ts';
import { canonicalText, parseExact } from './exact-json.ts';

/** Policies that came as a signed archive, verified. */
export interface Bundle {
  /** By path, without a leading slash; JSON that was signed by its meaning stands here in its one canonical text. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What it calls itself (`revision` in its manifest). */
  readonly revision: string | undefined;
  /** `metadata.serial` in its manifest: grows from one bundle to the next. */
  readonly serial: number | undefined;
  /** SHA-256 of the archive, hexadecimal. */
  readonly digest: string;
}

const largestBytes = 64 * 1024 ** 2;
const unzip = promisify(gunzip);
const manifest = '.manifest';
const signatures = '.signatures.json';

/** Reads OPA's bundle format. Throws unless exactly the files that a trusted key has signed are in it. */
export async function readBundle(archive: Buffer, trust: BundleTrust): Promise<Bundle> {
  const packed = await filesOf(archive);
  const signed = await verifySignature(packed.get(signatures), trust);
  packed.delete(signatures);
  const missing = [...signed.keys()].find((name) => !packed.has(name));
  if (missing !== undefined) throw new Error(`the policy bundle lacks ${missing}, which is signed`);
  const files = new Map([...packed].map(([name, bytes]) => [name, verified(name, bytes, signed.get(name))]));
  return { files, ...describedBy(files.get(manifest)), digest: hash('sha256', archive, 'hex') };
}

async function filesOf(archive: Buffer): Promise<Map<string, Buffer>> {
  const entries = await unpackTar(await unzip(archive, { maxOutputLength: largestBytes }), { strict: true });
  const files = new Map<string, Buffer>();
  for (const { header, data } of entries) {
    if (header.type === 'directory') continue;
    const name = header.name.replace(/^(\.?\/)+/, '');
    if ((header.type ?? 'file') !== 'file' || data === undefined)
      throw new Error(`the policy bundle holds ${name}, which is no plain file`);
    if (files.has(name)) throw new Error(`the policy bundle holds ${name} twice`);
    if (unsupported.test(name)) throw new Error(`the policy bundle holds ${name}, which is not read here`);
    files.set(name, Buffer.from(data));
  }
  return files;
}

/** What would change policy in ways that are not followed here: deltas, YAML, data beside the one document that `opa build` writes. */
const unsupported = /^patch\.json$|(^|\/)data\.ya?ml$|\/data\.json$|\/\.manifest$|\.manifest\.pb$/;

interface SignedFile {
  readonly algorithm: string;
  readonly hash: string;
}

/** As `.signatures.json` writes them. What is weaker is not verified. */
const algorithms: Readonly<Record<string, string>> = {
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
  'SHA-512-256': 'sha512-256',
};

function verified(name: string, bytes: Buffer, signed: SignedFile | undefined): Buffer {
  if (signed === undefined) throw new Error(`the policy bundle holds ${name}, which is not signed`);
  const algorithm = Object.hasOwn(algorithms, signed.algorithm) ? algorithms[signed.algorithm] : undefined;
  if (algorithm === undefined)
    throw new Error(`the policy bundle's ${name} is signed by the digest ${signed.algorithm}, which is not taken`);
  const isStructured = name === 'data.json' || name === manifest;
  const content = isStructured ? Buffer.from(canonicalText(parseExact(bytes.toString()))) : bytes;
  if (hash(algorithm, content, 'hex') !== signed.hash.toLowerCase()) throw new Error(`the policy bundle's ${name} is not what was signed`);
  return content;
}

function describedBy(text: Buffer | undefined): Pick<Bundle, 'revision' | 'serial'> {
  const found: unknown = text === undefined ? {} : JSON.parse(text.toString());
  const { revision, metadata } = isObject(found) ? found : {};
  const serial = isObject(metadata) ? metadata['serial'] : undefined;
  if (serial !== undefined && !Number.isSafeInteger(serial)) throw new Error("the policy bundle's metadata.serial is no whole number");
  return {
    revision: typeof revision === 'string' && revision !== '' ? revision.slice(0, 256).toWellFormed() : undefined,
    serial: typeof serial === 'number' ? serial : undefined,
  };
}
