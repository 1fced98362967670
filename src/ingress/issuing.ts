import { createPublicKey, hash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { addressBytes, bitString, type Der, der, integer, octetString, oid, sequence, tags, time, yes } from './der.ts';

/** Who signs certificates. */
export interface Issuer {
  /** The subject of its own certificate, as it is encoded there. */
  readonly name: Der;
  /** The subject key identifier of its own certificate. */
  readonly keyId: Buffer;
  readonly key: KeyObject;
}

export interface Validity {
  readonly notBeforeAt: number;
  readonly notAfterAt: number;
}

/** A name or an IP literal in a certificate's subject may have this many characters (RFC 5280, appendix A.1: ub-common-name). */
const longestCommonName = 64;

const ids = {
  commonName: oid('2.5.4.3'),
  organization: oid('2.5.4.10'),
  subjectKeyIdentifier: oid('2.5.29.14'),
  keyUsage: oid('2.5.29.15'),
  subjectAltName: oid('2.5.29.17'),
  basicConstraints: oid('2.5.29.19'),
  authorityKeyIdentifier: oid('2.5.29.35'),
  extendedKeyUsage: oid('2.5.29.37'),
  serverAuth: oid('1.3.6.1.5.5.7.3.1'),
};

/** The bits of keyUsage (RFC 5280, 4.2.1.3), and how many bits after them are unused. */
const digitalSignature = bitString(Buffer.from([0x80]), 7);
const keyCertSignAndCrlSign = bitString(Buffer.from([0x06]), 1);
const leafAlone = integer(Buffer.from([0]));
const version3 = der(tags.explicit0, integer(Buffer.from([2])));

/** The certificate of a CA that signs itself and leaves only. */
export function signAuthority(self: Issuer, validity: Validity): Der {
  return signCertificate(self, { subject: self.name, publicKey: spkiOf(self.key), validity }, [
    extension(ids.basicConstraints, sequence(yes, leafAlone), 'critical'),
    extension(ids.keyUsage, keyCertSignAndCrlSign, 'critical'),
    extension(ids.subjectKeyIdentifier, octetString(self.keyId)),
  ]);
}

/** A TLS server's certificate for one name or IP literal. `publicKey` is a SubjectPublicKeyInfo. */
export function signLeaf(issuer: Issuer, host: string, { publicKey, validity }: { publicKey: Der; validity: Validity }): Der {
  // The SAN decides; a subject that is not empty lets it be non-critical.
  const subject = nameOf(host.length <= longestCommonName ? host : 'Exeat');
  const name = isIP(host) === 0 ? der(0x82, Buffer.from(host, 'latin1')) : der(0x87, addressBytes(host));
  return signCertificate(issuer, { subject, publicKey, validity }, [
    extension(ids.basicConstraints, sequence(), 'critical'),
    extension(ids.keyUsage, digitalSignature, 'critical'),
    extension(ids.extendedKeyUsage, sequence(ids.serverAuth)),
    extension(ids.subjectKeyIdentifier, octetString(keyIdOf(publicKey))),
    extension(ids.authorityKeyIdentifier, sequence(der(0x80, issuer.keyId))),
    extension(ids.subjectAltName, sequence(name)),
  ]);
}

/** `O=Exeat, CN=…` */
export function nameOf(commonName: string): Der {
  return sequence(namePart(ids.organization, 'Exeat'), namePart(ids.commonName, commonName));
}

/** The SubjectPublicKeyInfo of a private key. */
export function spkiOf(key: KeyObject): Der {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

export function pemOf(certificate: Der): string {
  const lines = certificate.toString('base64').replaceAll(/.{64}(?!$)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** The first 160 bits of a SHA-256 (RFC 7093, section 2, method 4). */
export function keyIdOf(publicKey: Der): Buffer {
  return hash('sha256', publicKey, 'buffer').subarray(0, 20);
}

function namePart(id: Der, value: string): Der {
  return der(tags.set, sequence(id, der(tags.utf8String, Buffer.from(value))));
}

interface Subject {
  readonly subject: Der;
  readonly publicKey: Der;
  readonly validity: Validity;
}

function signCertificate(issuer: Issuer, { subject, publicKey, validity }: Subject, extensions: readonly Der[]): Der {
  const { identifier, digest } = algorithmOf(issuer.key);
  const dates = sequence(time(validity.notBeforeAt), time(validity.notAfterAt));
  const signed = sequence(
    version3,
    integer(newSerial()),
    identifier,
    issuer.name,
    dates,
    subject,
    publicKey,
    der(tags.extensions, sequence(...extensions)),
  );
  return sequence(signed, identifier, bitString(sign(digest, signed, issuer.key)));
}

function extension(id: Der, value: Der, critical?: 'critical'): Der {
  return critical === undefined ? sequence(id, octetString(value)) : sequence(id, yes, octetString(value));
}

/** 126 random bits; never negative, and always as long. */
function newSerial(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) % 0x40) + 0x40, 0);
  return bytes;
}

interface SignatureAlgorithm {
  readonly identifier: Der;
  readonly digest: string;
}

const rsa: SignatureAlgorithm = { identifier: sequence(oid('1.2.840.113549.1.1.11'), der(0x05)), digest: 'sha256' };

/** By the curve, as its strength asks for (RFC 5480, section 4). */
const ecdsa: Readonly<Record<string, SignatureAlgorithm>> = {
  prime256v1: { identifier: sequence(oid('1.2.840.10045.4.3.2')), digest: 'sha256' },
  secp384r1: { identifier: sequence(oid('1.2.840.10045.4.3.3')), digest: 'sha384' },
  secp521r1: { identifier: sequence(oid('1.2.840.10045.4.3.4')), digest: 'sha512' },
};

/** How this key signs. Throws for a key that TLS clients in use would not all accept. */
export function algorithmOf(key: KeyObject): SignatureAlgorithm {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const algorithm = key.asymmetricKeyType === 'rsa' ? (modulusLength >= 2048 ? rsa : undefined) : ecdsa[namedCurve];
  if (algorithm === undefined) throw new Error('the key must be EC (P-256, P-384 or P-521) or RSA of at least 2048 bits');
  return algorithm;
}
