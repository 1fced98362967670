import { type Der, der, integer, octetString, oid, sequence, tags } from './der.ts';

const data = oid('1.2.840.113549.1.7.1');
const certBag = oid('1.2.840.113549.1.12.10.1.3');
const x509Certificate = oid('1.2.840.113549.1.9.22.1');
/** Java's own attribute, for any use; without it Java takes a certificate for part of a chain and trusts nothing. */
const trusted = sequence(oid('2.16.840.1.113894.746875.1.1'), der(tags.set, oid('2.5.29.37.0')));
const attributes = der(tags.set, trusted);
const version3 = integer(Buffer.from([3]));

/**
 * A truststore for Java (RFC 7292), of certificates in DER. It has no password, so neither encryption nor a MAC: what is in it is public, and the
 * rights of its folder keep it whole.
 */
export function truststore(certificates: readonly Uint8Array[]): Der {
  const bags = certificates.map((certificate) => {
    const content = sequence(x509Certificate, der(tags.explicit0, octetString(certificate)));
    return sequence(certBag, der(tags.explicit0, content), attributes);
  });
  return sequence(version3, contentInfo(sequence(contentInfo(sequence(...bags)))));
}

function contentInfo(content: Der): Der {
  return sequence(data, der(tags.explicit0, octetString(content)));
}
