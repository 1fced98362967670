import type { X509Certificate } from 'node:crypto';
import { type Der, elements, oid, tags } from './der.ts';

/** What Node's `X509Certificate` does not tell. */
export interface CertificateFacts {
  /** The subject, as it is encoded there. */
  readonly subject: Der;
  /** The subject key identifier. */
  readonly keyId: Buffer | undefined;
  readonly basicConstraints: { readonly critical: boolean; readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly keyUsage: { readonly certSign: boolean } | undefined;
}

interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

const none = Buffer.alloc(0);

export function factsOf(certificate: X509Certificate): CertificateFacts {
  const [whole = none] = contentsOf(certificate.raw);
  const [signed = none] = contentsOf(whole);
  const fields = elements(signed);
  // After version and serial number: signature, issuer, validity, subject, subjectPublicKeyInfo.
  const subject = fields.filter(({ tag }) => tag === tags.sequence)[3];
  if (subject === undefined) throw new Error('the certificate has no subject');
  const extensions = extensionsIn(fields.find(({ tag }) => tag === tags.extensions)?.content ?? none);
  const constraints = extensions('2.5.29.19');
  const usage = extensions('2.5.29.15');
  const inside = elements(contentsOf(constraints?.value ?? none)[0] ?? none);
  const pathLength = inside.find(({ tag }) => tag === tags.integer)?.content;
  return {
    subject: subject.whole,
    keyId: contentsOf(extensions('2.5.29.14')?.value ?? none)[0],
    basicConstraints: constraints && {
      critical: constraints.critical,
      ca: inside.some(({ tag, content }) => tag === tags.boolean && content[0] !== 0),
      pathLength: pathLength === undefined ? undefined : Number(`0x${pathLength.toString('hex')}`),
    },
    // The first byte of a bit string counts its unused bits; keyCertSign is bit 5 (RFC 5280, 4.2.1.3).
    keyUsage: usage && { certSign: ((contentsOf(usage.value)[0]?.[1] ?? 0) & 0x04) !== 0 },
  };
}

function extensionsIn(bytes: Buffer): (dotted: string) => Extension | undefined {
  const known = contentsOf(contentsOf(bytes)[0] ?? none).map((extension) => {
    const parts = elements(extension);
    const critical = parts.some(({ tag, content }) => tag === tags.boolean && content[0] !== 0);
    return { id: parts[0]?.whole ?? none, critical, value: parts.at(-1)?.content ?? none };
  });
  return (dotted) => known.find(({ id }) => id.equals(oid(dotted)));
}

function contentsOf(bytes: Buffer): Buffer[] {
  return elements(bytes).map(({ content }) => content);
}
