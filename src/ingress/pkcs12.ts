import { type Der, der, integer, octetString, oid, sequence, tags } from './der.ts';

const ids = {
  data: oid('1.2.840.113549.1.7.1'),
  certBag: oid('1.2.840.113549.1.12.10.1.3'),
  x509Certificate: oid('1.2.840.113549.1.9.22.1'),
  friendlyName: oid('1.2.840.113549.1.9.20'),
  /** Java's own attribute; without it Java takes a certificate for part of a chain and trusts nothing. */
  trustedKeyUsage: oid('2.16.840.1.113894.746875.1.1'),
  anyExtendedKeyUsage: oid('2.5.29.37.0'),
};

/**
 * A truststore for Java (RFC 7292), of certificates in DER. It has no password, so neither encryption nor a MAC: what is in it is public, and the
 * folder's own rights keep it whole.
 */
export function truststore(certificates: readonly Uint8Array[]): Der {
  const bags = certificates.map((certificate, index) => bag(certificate, `trusted-${index + 1}`));
  return sequence(integer(Buffer.from([3])), data(sequence(data(sequence(...bags)))));
}

function data(content: Der): Der {
  return sequence(ids.data, der(tags.explicit0, octetString(content)));
}

function bag(certificate: Uint8Array, name: string): Der {
  const content = sequence(ids.x509Certificate, der(tags.explicit0, octetString(certificate)));
  const bmp = der(tags.bmpString, Buffer.from(name, 'utf16le').swap16());
  const attributes = der(tags.set, attribute(ids.friendlyName, bmp), attribute(ids.trustedKeyUsage, ids.anyExtendedKeyUsage));
  return sequence(ids.certBag, der(tags.explicit0, content), attributes);
}

function attribute(id: Der, value: Der): Der {
  return sequence(id, der(tags.set, value));
}
