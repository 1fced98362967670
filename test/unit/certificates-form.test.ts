import 'reflect-metadata';
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as OtherReader,
} from '@peculiar/x509';
import { makeCa } from '../../src/ingress/ca.ts';
import { pemOf, signLeaf, spkiOf } from '../../src/ingress/issuing.ts';
import { dayMs } from '../support/ca.ts';

// What one reader wrote two others read: OpenSSL, inside Node, and a library of its own.

const now = Date.parse('2026-11-25T12:00:00Z');
const ca = makeCa(now, 365 * dayMs);
const leafKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

function leafFor(host: string, validity = { notBeforeAt: now, notAfterAt: now + 7 * dayMs }): X509Certificate {
  return new X509Certificate(pemOf(signLeaf(ca.issuer, host, { publicKey: spkiOf(leafKey), validity })));
}

function nameOf(length: number): string {
  return `${'a'.repeat(60)}.${'b'.repeat(length - 61)}`;
}

function extensionsOf(certificate: X509Certificate) {
  const read = new OtherReader(certificate.raw);
  return {
    all: read.extensions.map(({ type, critical }) => ({ type, critical })),
    constraints: read.getExtension(BasicConstraintsExtension),
    usage: read.getExtension(KeyUsagesExtension),
    purposes: read.getExtension(ExtendedKeyUsageExtension),
    names: read.getExtension(SubjectAlternativeNameExtension),
    keyId: read.getExtension(SubjectKeyIdentifierExtension)?.keyId,
    issuerKeyId: read.getExtension(AuthorityKeyIdentifierExtension)?.keyId,
  };
}

test('a CA certificate has what strict clients ask for, and may sign leaves only', () => {
  const certificate = new X509Certificate(ca.certificate);
  assert.ok(certificate.ca && certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey));
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  const { all, constraints, usage, keyId } = extensionsOf(certificate);
  assert.deepEqual([constraints?.ca, constraints?.pathLength, constraints?.critical], [true, 0, true]);
  // oxlint-disable-next-line no-bitwise -- flags of a bit string
  assert.deepEqual([usage?.usages, usage?.critical], [KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true]);
  assert.match(keyId ?? '', /^[0-9a-f]{40}$/);
  assert.equal(all.length, 3);
  assert.deepEqual([certificate.validFromDate.getTime(), certificate.validToDate.getTime()], [now - 3_600_000, now + 365 * dayMs]);
});

test('a leaf has what strict clients ask for, and serves TLS only', () => {
  const leaf = leafFor('api.example.com');
  const authority = new X509Certificate(ca.certificate);
  assert.ok(!leaf.ca && leaf.checkIssued(authority) && leaf.verify(authority.publicKey) && leaf.checkPrivateKey(leafKey));
  assert.equal(leaf.checkHost('api.example.com'), 'api.example.com');
  assert.equal(leaf.checkHost('example.com'), undefined);
  const { all, constraints, usage, purposes, names, keyId, issuerKeyId } = extensionsOf(leaf);
  assert.deepEqual([constraints?.ca, constraints?.pathLength, constraints?.critical], [false, undefined, true]);
  assert.deepEqual([usage?.usages, usage?.critical], [KeyUsageFlags.digitalSignature, true]);
  assert.deepEqual([...(purposes?.usages ?? [])], ['1.3.6.1.5.5.7.3.1']);
  assert.deepEqual(names?.names.toJSON(), [{ type: 'dns', value: 'api.example.com' }]);
  assert.match(keyId ?? '', /^[0-9a-f]{40}$/);
  assert.equal(issuerKeyId, extensionsOf(authority).keyId);
  assert.equal(all.length, 6);
});

test('an address stands in the leaf as an address, however it is written', () => {
  const cases = [
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8::1', '2001:DB8:0:0:0:0:0:1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:DB8:0:0:0:0:0:1'],
    ['::', '0:0:0:0:0:0:0:0'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['fe80::', 'FE80:0:0:0:0:0:0:0'],
    ['::ffff:192.0.2.7', '0:0:0:0:0:FFFF:C000:207'],
  ] as const;
  for (const [host, written] of cases) {
    const leaf = leafFor(host);
    assert.equal(leaf.subjectAltName, `IP Address:${written}`);
    assert.equal(leaf.checkIP(host), host);
  }
});

test('a name that is too long for the subject stands among the alternative names only', () => {
  assert.ok(leafFor(nameOf(64)).subject.includes(`CN=${nameOf(64)}`));
  for (const length of [65, 100, 253]) {
    const leaf = leafFor(nameOf(length));
    assert.equal(leaf.subject, 'O=Exeat\nCN=Exeat');
    assert.equal(leaf.checkHost(nameOf(length)), nameOf(length));
  }
});

test('serial numbers are random, positive and 16 bytes long', () => {
  const serials = Array.from({ length: 200 }, () => leafFor('api.example.com').serialNumber);
  assert.equal(new Set(serials).size, serials.length);
  for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
});

test('dates are right on both sides of 2050, where their form changes', () => {
  for (const at of ['2049-12-31T23:59:59Z', '2050-01-01T00:00:00Z', '2099-06-01T01:02:03Z'].map(Date.parse)) {
    assert.equal(leafFor('a.example', { notBeforeAt: now, notAfterAt: at }).validToDate.getTime(), at);
  }
});

test('two CAs of one sidecar have names and keys of their own', () => {
  const [one, two] = [makeCa(now, dayMs), makeCa(now, dayMs)].map((each) => new X509Certificate(each.certificate));
  assert.notEqual(one?.subject, two?.subject);
  assert.notEqual(one?.fingerprint256, two?.fingerprint256);
  assert.notDeepEqual(one?.publicKey.export({ format: 'jwk' }), two?.publicKey.export({ format: 'jwk' }));
});
