import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { elements, tags } from './der.ts';
import { type Issuer, keyIdOf, nameOf, pemOf, signAuthority, spkiOf, type Validity } from './issuing.ts';

/** A CA certificate with its key. */
export interface Ca extends Validity {
  readonly issuer: Issuer;
  /** PEM. */
  readonly certificate: string;
  /** PEM of what a server sends after its own certificate; may be empty. */
  readonly chain: string;
}

/** Decides which CA signs. */
export interface Signers extends Disposable {
  /** Who signs now for a task that was opened at this time (epoch ms). */
  signerFor(openedAt: number): Ca;
  /** PEM of all that clients must trust now. */
  readonly trust: string;
}

/** Clocks differ: what is issued now is valid a little earlier. */
export const skewMs = 3_600_000;

/** A new CA that nobody trusts yet. */
export function makeCa(now: number, lifetimeMs: number): Ca {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const validity = { notBeforeAt: now - skewMs, notAfterAt: now + lifetimeMs };
  // Each has a name of its own: clients that trust two tell them apart by it.
  const name = nameOf(`Exeat CA ${randomBytes(4).toString('hex')}`);
  const issuer = { name, keyId: keyIdOf(spkiOf(key)), key };
  return { issuer, certificate: pemOf(signAuthority(issuer, validity)), chain: '', ...validity };
}

/** A CA that `makeCa` made, from its two PEM texts. Throws when they are not one pair. */
export function readCa(certificatePem: string, keyPem: string): Ca {
  const certificate = new X509Certificate(certificatePem);
  const key: KeyObject = createPrivateKey(keyPem);
  if (!certificate.checkPrivateKey(key)) throw new Error('the key does not belong to the certificate');
  return {
    issuer: { name: subjectOf(certificate.raw), keyId: keyIdOf(spkiOf(key)), key },
    certificate: certificatePem,
    chain: '',
    notBeforeAt: certificate.validFromDate.getTime(),
    notAfterAt: certificate.validToDate.getTime(),
  };
}

/** The subject of a certificate as it is encoded there. */
function subjectOf(certificate: Buffer): Buffer {
  const [whole] = elements(certificate);
  const [signed] = elements(whole?.content ?? Buffer.alloc(0));
  const names = elements(signed?.content ?? Buffer.alloc(0)).filter(({ tag }) => tag === tags.sequence);
  // signature, issuer, validity, subject, subjectPublicKeyInfo
  const subject = names[3];
  if (subject === undefined) throw new Error('the certificate has no subject');
  return subject.whole;
}
