import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { elements, oid } from '../../src/ingress/der.ts';
import { trustEnvironment, trustVariables } from '../../src/ingress/trust-variables.ts';
import { certificatesIn, createCaPlace } from '../support/ca.ts';

test('what replaces the roots of a client holds the public ones too; what adds to them does not', () => {
  assert.deepEqual(names('ca'), ['NODE_EXTRA_CA_CERTS', 'DENO_CERT']);
  assert.deepEqual(names('truststore'), ['JAVA_TOOL_OPTIONS']);
  for (const { name, file, reason } of trustVariables) assert.ok(reason.endsWith(file === 'ca' ? ': adds' : ': replaces'), name);
  assert.equal(new Set(trustVariables.map(({ name }) => name)).size, trustVariables.length);
});

test('each variable gets the path of its file, whole', () => {
  const variables = trustEnvironment('/public', {});
  assert.deepEqual(
    Object.keys(variables),
    trustVariables.map(({ name }) => name),
  );
  assert.equal(variables['SSL_CERT_FILE'], '/public/bundle.pem');
  assert.equal(variables['NODE_EXTRA_CA_CERTS'], '/public/ca.pem');
  assert.equal(trustEnvironment('public', {})['DENO_CERT'], join(process.cwd(), 'public/ca.pem'));
});

test('what Java is told already stays, and is not told twice', () => {
  const ours = '-Djavax.net.ssl.trustStore=/public/bundle.p12 -Djavax.net.ssl.trustStoreType=PKCS12';
  assert.equal(java('/public'), ours);
  assert.equal(java('/public', '-Xmx1g'), `-Xmx1g ${ours}`);
  assert.equal(java('/public', `-Xmx1g ${ours}`), `-Xmx1g ${ours}`);
  assert.equal(java('/a b'), '-Djavax.net.ssl.trustStore="/a b/bundle.p12" -Djavax.net.ssl.trustStoreType=PKCS12');
});

test('the truststore for Java holds the certificates of the bundle, each marked as trusted', async () => {
  using place = createCaPlace();
  await using certificates = await place.open();
  // PFX, ContentInfo, [0], OCTET STRING, AuthenticatedSafe, ContentInfo, [0], OCTET STRING, SafeContents
  const bags = elements(inside(readFileSync(join(place.folders.publish, 'bundle.p12')), [0, 1, 1, 0, 0, 0, 1, 0, 0]));
  const bundle = certificatesIn(readFileSync(join(place.folders.publish, 'bundle.pem'), 'utf8'));
  assert.ok(bundle[0]?.raw.equals(certificatesIn(certificates.trust)[0]?.raw ?? Buffer.alloc(0)));
  // SafeBag: its kind, then [0], CertBag, [0], OCTET STRING; then its attributes
  assert.deepEqual(
    bags.map(({ content }) => inside(content, [1, 0, 1, 0])),
    bundle.map(({ raw }) => raw),
  );
  const mark = oid('2.16.840.1.113894.746875.1.1');
  assert.ok(bags.every(({ content }) => inside(content, [2]).includes(mark)));
});

function names(file: string): string[] {
  return trustVariables.filter((each) => each.file === file).map(({ name }) => name);
}

function java(folder: string, inherited?: string): string | undefined {
  return trustEnvironment(folder, { JAVA_TOOL_OPTIONS: inherited })['JAVA_TOOL_OPTIONS'];
}

/** The content that is reached by going from element to element. */
function inside(bytes: Buffer, way: readonly number[]): Buffer {
  return way.reduce((content, index) => elements(content)[index]?.content ?? Buffer.alloc(0), bytes);
}
