import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type Extension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A CA as an operator might bring it along, right or wrong. */
export interface TestCa {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** A CA below this one. */
  below(wishes?: CaWishes): Promise<TestCa>;
}

export interface CaWishes {
  readonly name?: string;
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly keyUsage?: number;
  readonly extendedKeyUsage?: readonly string[];
  readonly fromDays?: number;
  readonly toDays?: number;
  readonly key?: 'P-256' | 'P-384' | 'P-521' | 'RSA' | 'RSA-1024' | 'Ed25519';
  /** Without what strict clients ask for. */
  readonly bare?: boolean;
}

interface Issuer {
  readonly certificate: X509Certificate;
  readonly privateKey: CryptoKey;
}

interface Keys {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}

const dayMs = 86_400_000;
// oxlint-disable-next-line no-bitwise -- flags of a bit string
const caUsage = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;

export async function createCa(wishes: CaWishes = {}, issuer?: Issuer): Promise<TestCa> {
  const keys = await newKeys(wishes.key ?? 'P-256');
  const signer = issuer?.privateKey ?? keys.privateKey;
  const subject = `CN=${wishes.name ?? (issuer === undefined ? 'Test root' : 'Test CA')}`;
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    publicKey: keys.publicKey,
    signingKey: signer,
    notBefore: new Date(Date.now() + (wishes.fromDays ?? -1) * dayMs),
    notAfter: new Date(Date.now() + (wishes.toDays ?? 100) * dayMs),
    signingAlgorithm: { ...signer.algorithm, hash: 'SHA-256' },
    extensions: await extensionsFor(wishes, keys, issuer),
  });
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY'),
    below: (inner = {}) => createCa(inner, { certificate, privateKey: keys.privateKey }),
  };
}

async function extensionsFor(wishes: CaWishes, keys: Keys, issuer: Issuer | undefined): Promise<Extension[]> {
  const constraints = new BasicConstraintsExtension(wishes.ca ?? true, wishes.pathLength, wishes.bare !== true);
  if (wishes.bare === true) return [constraints];
  return [
    constraints,
    new KeyUsagesExtension(wishes.keyUsage ?? caUsage, true),
    ...(wishes.extendedKeyUsage === undefined ? [] : [new ExtendedKeyUsageExtension([...wishes.extendedKeyUsage])]),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ...(issuer === undefined ? [] : [await AuthorityKeyIdentifierExtension.create(issuer.certificate)]),
  ];
}

function newKeys(kind: NonNullable<CaWishes['key']>): Promise<Keys> {
  const algorithm =
    kind === 'Ed25519'
      ? { name: kind }
      : kind === 'RSA' || kind === 'RSA-1024'
        ? {
            name: 'RSASSA-PKCS1-v1_5',
            hash: 'SHA-256',
            modulusLength: kind === 'RSA' ? 2048 : 1024,
            publicExponent: new Uint8Array([1, 0, 1]),
          }
        : { name: 'ECDSA', namedCurve: kind };
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<Keys>;
}
