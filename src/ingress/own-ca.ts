import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Ca, Signers } from './ca.ts';
import { factsOf } from './certificate-facts.ts';
import { algorithmOf, keyIdOf, spkiOf } from './issuing.ts';

/** What was found in the PEM of a CA that somebody brings along. With any problem it cannot be used. */
export interface OwnCaFindings {
  /** The one that signs, then who issued it, and so on. */
  readonly certificates: readonly X509Certificate[];
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

const dayMs = 86_400_000;
const soonMs = 30 * dayMs;
const serverAuth = '1.3.6.1.5.5.7.3.1';
const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Says all that is wrong with the certificates at once; does not need the key. */
export function inspectOwnCa(pem: string, now: number): OwnCaFindings {
  const certificates: X509Certificate[] = [];
  try {
    for (const [text] of pem.matchAll(block)) certificates.push(new X509Certificate(text));
  } catch {
    return { certificates, problems: [`certificate ${certificates.length + 1} in it cannot be read`], warnings: [] };
  }
  const [first] = certificates;
  if (first === undefined) return { certificates, problems: ['holds no PEM certificate'], warnings: [] };
  const problems = [...keyProblems(first), ...certificates.flatMap((each, index) => problemsOf(each, { index, certificates, now }))];
  return { certificates, problems, warnings: problems.length > 0 ? [] : warningsOf(certificates, now) };
}

/** A CA that is not replaced while Exeat runs. Throws with all that is wrong, one line each. */
export function openOwnCa(pem: { readonly certificate: string; readonly key: string }, now: () => number): Signers {
  const { certificates, problems } = inspectOwnCa(pem.certificate, now());
  const [first] = certificates;
  if (first === undefined || problems.length > 0) {
    throw new Error(problems.map((problem) => `tls.ca.certificate: ${problem}`).join('\n'));
  }
  const key = readKey(pem.key);
  if (!first.checkPrivateKey(key)) throw new Error('tls.ca.key: is not the key of the first certificate in tls.ca.certificate');
  const { subject, keyId } = factsOf(first);
  const ca: Ca = {
    id: first.fingerprint256,
    issuer: { name: subject, keyId: keyId ?? keyIdOf(spkiOf(key)), key },
    certificate: textOf([first]),
    // A client has its root, or does not trust it.
    chain: textOf(certificates.filter((each) => !isRoot(each))),
    notBeforeAt: Math.max(...certificates.map((each) => each.validFromDate.getTime())),
    notAfterAt: Math.min(...certificates.map((each) => each.validToDate.getTime())),
  };
  return {
    signerFor() {
      if (now() < ca.notAfterAt) return ca;
      throw new Error('the CA of tls.ca.certificate has expired');
    },
    trust: textOf(certificates),
    [Symbol.dispose]: () => {},
  };
}

interface Place {
  readonly index: number;
  readonly certificates: readonly X509Certificate[];
  readonly now: number;
}

function keyProblems(first: X509Certificate): string[] {
  try {
    algorithmOf(first.publicKey);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

function problemsOf(certificate: X509Certificate, { index, certificates, now }: Place): string[] {
  const { basicConstraints, keyUsage } = factsOf(certificate);
  const issuer = certificates[index + 1];
  const { keyUsage: purposes } = certificate;
  const found: readonly (string | false)[] = [
    basicConstraints?.ca !== true && 'is not a CA: its basicConstraints do not say so',
    keyUsage?.certSign === false && 'may not sign certificates: its keyUsage lacks keyCertSign',
    (purposes?.length ?? 0) > 0 && !purposes.includes(serverAuth) && 'may not vouch for servers: its extendedKeyUsage lacks serverAuth',
    certificate.validToDate.getTime() <= now && `expired on ${dayOf(certificate.validToDate)}`,
    certificate.validFromDate.getTime() > now && `is not valid before ${dayOf(certificate.validFromDate)}`,
    (basicConstraints?.pathLength ?? index) < index &&
      `allows only ${basicConstraints?.pathLength} CAs below it (pathLenConstraint), and here are ${index}`,
    issuer !== undefined &&
      !issued(issuer, certificate) &&
      'was not issued by the one after it: the order is the CA first, then its issuer',
  ];
  const which = certificates.length === 1 ? '' : `certificate ${index + 1} `;
  return found.filter((message) => message !== false).map((message) => `${which}${message}`);
}

function warningsOf(certificates: readonly X509Certificate[], now: number): string[] {
  const expiresAt = Math.min(...certificates.map((each) => each.validToDate.getTime()));
  const last = certificates.at(-1);
  const strict = certificates.some((each) => {
    const { keyId, basicConstraints, keyUsage } = factsOf(each);
    return keyId === undefined || keyUsage === undefined || basicConstraints?.critical !== true;
  });
  const found: readonly (string | false)[] = [
    expiresAt - now <= soonMs && `expires on ${dayOf(new Date(expiresAt))}: replace it and restart`,
    strict &&
      'strict clients, such as Python from 3.13 on, refuse a CA without keyUsage, subjectKeyIdentifier and critical basicConstraints',
    last !== undefined && !isRoot(last) && 'ends without a root: clients that ask for one must have it already',
  ];
  return found.filter((message) => message !== false);
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error(
      `tls.ca.key: ${/\bENCRYPTED\b/.test(pem) ? 'is encrypted: give it without a passphrase' : 'holds no private key in PEM'}`,
      { cause },
    );
  }
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isRoot(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate);
}

function textOf(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('');
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
