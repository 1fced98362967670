import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { factsOf } from './certificate-facts.ts';
import { type Issuer, keyIdOf, nameOf, pemOf, signAuthority, spkiOf, type Validity } from './issuing.ts';

/** A CA certificate with its key. */
export interface Ca extends Validity {
  /** The SHA-256 of its certificate. */
  readonly id: string;
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
  // Each has a name of its own: clients that trust two tell them apart by it.
  const issuer = { name: nameOf(`Exeat CA ${randomBytes(4).toString('hex')}`), keyId: keyIdOf(spkiOf(key)), key };
  return caOf(pemOf(signAuthority(issuer, { notBeforeAt: now - skewMs, notAfterAt: now + lifetimeMs })), key);
}

/** A CA that `makeCa` made, from its two PEM texts. Throws when they are not one pair. */
export function readCa(certificate: string, keyPem: string): Ca {
  return caOf(certificate, createPrivateKey(keyPem));
}

function caOf(certificate: string, key: KeyObject): Ca {
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(key)) throw new Error('the key does not belong to the certificate');
  return {
    id: parsed.fingerprint256,
    issuer: { name: factsOf(parsed).subject, keyId: keyIdOf(spkiOf(key)), key },
    certificate,
    chain: '',
    notBeforeAt: parsed.validFromDate.getTime(),
    notAfterAt: parsed.validToDate.getTime(),
  };
}
