import 'reflect-metadata';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** What a TLS server shows, in PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Days from now; negative ones have passed. */
interface Validity {
  readonly fromDays?: number;
  readonly toDays?: number;
}

/** A root that exists for one test. */
export interface TestRoot {
  /** In PEM, for a destination's `ca`. */
  readonly pem: string;
  /** For these DNS names and addresses. */
  issue(names: readonly string[], validity?: Validity): Promise<ServerCertificate>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

export async function createRoot(): Promise<TestRoot> {
  const keys = await newKeys();
  const root = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test root',
    keys,
    ...validity({}),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      // oxlint-disable-next-line no-bitwise -- flags of a bit string
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    pem: root.toString('pem'),
    async issue(names, between = {}) {
      const leaf = await newKeys();
      const certificate = await X509CertificateGenerator.create({
        subject: 'CN=Test server',
        issuer: root.subject,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        ...validity(between),
        signingAlgorithm: algorithm,
        extensions: serverExtensions(names),
      });
      return { cert: certificate.toString('pem'), key: await pemOf(leaf.privateKey) };
    },
  };
}

/** A certificate that nobody but its own server vouches for. */
export async function selfSigned(names: readonly string[]): Promise<ServerCertificate> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test server',
    keys,
    ...validity({}),
    signingAlgorithm: algorithm,
    extensions: serverExtensions(names),
  });
  return { cert: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
}

function serverExtensions(names: readonly string[]) {
  return [
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }))),
  ];
}

function validity({ fromDays = -1, toDays = 1 }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() + fromDays * dayMs), notAfter: new Date(Date.now() + toDays * dayMs) };
}

function newKeys() {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function pemOf(key: CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
