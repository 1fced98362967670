import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KeyUsageFlags } from '@peculiar/x509';
import { inspectOwnCa } from '../../src/ingress/own-ca.ts';
import { type CaPlace, certificatesIn, createCaPlace, dayMs, leafOf } from '../support/ca.ts';
import { createCa, type CaWishes, type TestCa } from '../support/own-ca.ts';

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

function open(place: CaPlace, { certificate, key }: Pick<TestCa, 'certificate' | 'key'>) {
  const [at, keyAt] = ['own.pem', 'own.key'].map((name) => join(place.folders.publish, '..', name)) as [string, string];
  writeFileSync(at, certificate);
  writeFileSync(keyAt, key);
  return place.open({ certificate: { file: at }, key: { file: keyAt } });
}

function problemsOf(...chain: TestCa[]): readonly string[] {
  return inspectOwnCa(chain.map(({ certificate }) => certificate).join(''), Date.now()).problems;
}

function warningsOf({ certificate }: TestCa): readonly string[] {
  return inspectOwnCa(certificate, Date.now()).warnings;
}

for (const key of ['P-256', 'P-384', 'P-521', 'RSA'] as const) {
  test(`a CA of your own with a key of the kind ${key} signs leaves`, async () => {
    using place = createCaPlace();
    const own = await createCa({ key });
    await using certificates = await open(place, own);
    const leaf = await leafOf(certificates.contextFor('a.example', 0));
    const [issuer] = certificatesIn(own.certificate);
    assert.ok(issuer !== undefined && leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey));
    assert.deepEqual(certificatesIn(certificates.trust), certificatesIn(own.certificate));
    assert.equal(readFileSync(join(place.folders.publish, 'ca.pem'), 'utf8'), certificates.trust);
  });
}

test('a leaf does not outlast the shortest of the chain, and after that nothing is signed', async () => {
  using place = createCaPlace();
  const root = await createCa({ toDays: 3 });
  const below = await root.below();
  await using certificates = await open(place, { certificate: `${below.certificate}${root.certificate}`, key: below.key });
  const leaf = await leafOf(certificates.contextFor('a.example', 0));
  assert.deepEqual(leaf.validToDate, certificatesIn(root.certificate)[0]?.validToDate);
  place.at += 3 * dayMs;
  assert.throws(() => certificates.contextFor('a.example', 0), /the CA of tls\.ca\.certificate has expired/);
});

test('what keeps a CA of your own from being used is told', async () => {
  const now = Date.now();
  const cases: readonly [CaWishes, RegExp | undefined][] = [
    [{}, undefined],
    [{ pathLength: 0 }, undefined],
    [{ keyUsage: KeyUsageFlags.keyCertSign }, undefined],
    [{ extendedKeyUsage: [clientAuth, serverAuth] }, undefined],
    [{ ca: false }, /^is not a CA: its basicConstraints do not say so$/],
    [{ keyUsage: KeyUsageFlags.cRLSign }, /^may not sign certificates: its keyUsage lacks keyCertSign$/],
    [{ extendedKeyUsage: [clientAuth] }, /^may not vouch for servers: its extendedKeyUsage lacks serverAuth$/],
    [{ fromDays: -10, toDays: -1 }, /^expired on \d{4}-\d\d-\d\d$/],
    [{ fromDays: 1, toDays: 10 }, /^is not valid before \d{4}-\d\d-\d\d$/],
    [{ key: 'RSA-1024' }, /^the key must be EC \(P-256, P-384 or P-521\) or RSA of at least 2048 bits$/],
    [{ key: 'Ed25519' }, /^the key must be EC/],
  ];
  for (const [wishes, message] of cases) {
    const { problems } = inspectOwnCa((await createCa(wishes)).certificate, now);
    if (message === undefined) assert.deepEqual(problems, [], JSON.stringify(wishes));
    else assert.ok(problems.length === 1 && message.test(problems[0] ?? ''), `${JSON.stringify(wishes)}: ${problems.join('; ')}`);
  }
});

test('the chain of a CA of your own is checked link by link', async () => {
  const root = await createCa({ pathLength: 1 });
  const middle = await root.below({ name: 'Middle', pathLength: 0 });
  const lowest = await middle.below({ name: 'Lowest' });
  const other = await createCa({ name: 'Other' });
  assert.deepEqual(problemsOf(middle, root), []);
  assert.deepEqual(problemsOf(lowest, middle, root), [
    'certificate 2 allows only 0 CAs below it (pathLenConstraint), and here are 1',
    'certificate 3 allows only 1 CAs below it (pathLenConstraint), and here are 2',
  ]);
  assert.deepEqual(problemsOf(root, middle), [
    'certificate 1 was not issued by the one after it: the order is the CA first, then its issuer',
    'certificate 2 allows only 0 CAs below it (pathLenConstraint), and here are 1',
  ]);
  assert.deepEqual(problemsOf(middle, other), [
    'certificate 1 was not issued by the one after it: the order is the CA first, then its issuer',
  ]);
});

test('what deserves a second look is told and keeps nothing from starting', async () => {
  const root = await createCa();
  assert.deepEqual(warningsOf(root), []);
  assert.match(warningsOf(await createCa({ toDays: 20 })).join(), /^expires on .*: replace it and restart$/);
  assert.match(warningsOf(await createCa({ bare: true })).join(), /^strict clients, such as Python from 3\.13 on, refuse/);
  assert.match(warningsOf(await root.below()).join(), /^ends without a root: clients that ask for one must have it already$/);
});

test('a file that is no certificate, no key, or not the key is told as that, without its content', async () => {
  using place = createCaPlace();
  const [own, other] = [await createCa(), await createCa()];
  const encrypted = createPrivateKey(own.key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hunter2' });
  const cut = own.certificate.replace(/(.{64}\n){3}/, '');
  const cases: readonly [Pick<TestCa, 'certificate' | 'key'>, RegExp][] = [
    [{ ...own, certificate: 'nothing' }, /^tls\.ca\.certificate: holds no PEM certificate$/],
    [{ ...own, certificate: `${own.certificate}${cut}` }, /^tls\.ca\.certificate: certificate 2 in it cannot be read$/],
    [{ ...own, certificate: '' }, /^the secret at .*own\.pem is missing or empty$/],
    [{ ...own, key: other.key }, /^tls\.ca\.key: is not the key of the first certificate in tls\.ca\.certificate$/],
    [{ ...own, key: 'hunter2' }, /^tls\.ca\.key: holds no private key in PEM$/],
    [{ ...own, key: own.certificate }, /^tls\.ca\.key: holds no private key in PEM$/],
    [{ ...own, key: encrypted }, /^tls\.ca\.key: is encrypted: give it without a passphrase$/],
  ];
  for (const [given, message] of cases) {
    await assert.rejects(open(place, given), (error: Error) => message.test(error.message) || assert.fail(error.message));
  }
});
