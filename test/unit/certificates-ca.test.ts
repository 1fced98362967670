import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { getCACertificates } from 'node:tls';
import { openMadeCa } from '../../src/ingress/made-ca.ts';
import { type CaPlace, certificatesIn, createCaPlace, dayMs, leafOf } from '../support/ca.ts';

const bundleOf = ({ folders }: CaPlace): string => readFileSync(join(folders.publish, 'bundle.pem'), 'utf8');
const caOf = ({ folders }: CaPlace): string => readFileSync(join(folders.publish, 'ca.pem'), 'utf8');
const wholeSecond = (at: number): number => Math.floor(at / 1000) * 1000;
const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

/** Whether this CA certificate issued the leaf. */
async function signed(pem: string, leaf: ReturnType<typeof leafOf>): Promise<boolean> {
  const [issuer] = certificatesIn(pem);
  return issuer !== undefined && (await leaf).verify(issuer.publicKey);
}

test('the CA is made at the first start, its key lies where nobody else reads, and what clients need where everybody does', async () => {
  using place = createCaPlace();
  const umask = process.umask(0o077);
  await using certificates = await place.open();
  process.umask(umask);
  const { directory, publish } = place.folders;
  assert.deepEqual([modeOf(directory), modeOf(join(directory, 'ca.json'))], ['700', '600']);
  assert.deepEqual(readdirSync(publish).sort(), ['bundle.p12', 'bundle.pem', 'ca.pem']);
  for (const name of readdirSync(publish)) assert.equal(modeOf(join(publish, name)), '644', name);
  assert.equal(caOf(place), certificates.trust);
  assert.equal(certificatesIn(certificates.trust).length, 1);
  const bundle = certificatesIn(bundleOf(place)).map(({ fingerprint256 }) => fingerprint256);
  const roots = certificatesIn(getCACertificates('default').join('\n')).map(({ fingerprint256 }) => fingerprint256);
  assert.equal(bundle[0], certificatesIn(certificates.trust)[0]?.fingerprint256);
  assert.deepEqual(new Set(bundle.slice(1)), new Set(roots));
  assert.equal(new Set(bundle).size, bundle.length);
  for (const name of readdirSync(publish)) assert.doesNotMatch(readFileSync(join(publish, name), 'latin1'), /PRIVATE/);
});

test('a container that starts again has the CA that it had, and publishes it again', async () => {
  using place = createCaPlace();
  const first = await place.open();
  const { trust } = first;
  await first[Symbol.asyncDispose]();
  writeFileSync(join(place.folders.publish, 'ca.pem'), 'something else');
  await using second = await place.open();
  assert.equal(second.trust, trust);
  assert.equal(caOf(place), trust);
});

test('a leaf is valid from an hour ago, for a week, and is made anew when a third of that is left', async () => {
  using place = createCaPlace();
  await using certificates = await place.open();
  const opened = place.at;
  const context = await certificates.contextFor('api.example.com', opened);
  const leaf = await leafOf(context);
  assert.equal(leaf.validFromDate.getTime(), wholeSecond(opened - 3_600_000));
  assert.equal(leaf.validToDate.getTime(), wholeSecond(opened + 7 * dayMs));
  place.at = opened + 4.6 * dayMs;
  assert.equal(await certificates.contextFor('api.example.com', opened), context);
  assert.notEqual(await certificates.contextFor('other.example.com', opened), context);
  place.at = opened + 4.7 * dayMs;
  const next = await leafOf(certificates.contextFor('api.example.com', opened));
  assert.equal(next.validToDate.getTime(), wholeSecond(place.at + 7 * dayMs));
  assert.deepEqual(next.publicKey.export({ format: 'jwk' }), leaf.publicKey.export({ format: 'jwk' }));
});

test('no more than 500 leaves are kept', async () => {
  using place = createCaPlace();
  await using certificates = await place.open();
  const first = await certificates.contextFor('first.example', place.at);
  for (let index = 0; index < 499; index += 1) void certificates.contextFor(`n${index}.example`, place.at);
  assert.equal(await certificates.contextFor('first.example', place.at), first);
  for (let index = 0; index < 500; index += 1) void certificates.contextFor(`m${index}.example`, place.at);
  assert.notEqual(await certificates.contextFor('first.example', place.at), first);
});

test('a successor is published before it signs, and signs only for tasks opened after that', async () => {
  using place = createCaPlace();
  await using certificates = await place.open();
  const old = certificates.trust;
  const before = place.at;
  place.at += 305 * dayMs - 60_000;
  assert.ok(await signed(old, leafOf(certificates.contextFor('a.example', place.at))));
  assert.equal(certificates.trust, old);

  place.at += 120_000;
  const during = place.at;
  const leaf = leafOf(certificates.contextFor('a.example', during));
  const [, successor = ''] = certificates.trust.split(/(?<=END CERTIFICATE-----\n)/);
  assert.ok(await signed(old, leaf), 'a task that was open at the publication');
  assert.equal(certificates.trust, `${old}${successor}`);
  assert.equal(caOf(place), certificates.trust);
  assert.ok(bundleOf(place).startsWith(certificates.trust));
  assert.match(place.warnings.join('\n'), /successor is published/);

  place.at += 1000;
  assert.ok(await signed(old, leafOf(certificates.contextFor('a.example', before))));
  assert.ok(await signed(old, leafOf(certificates.contextFor('a.example', during))));
  assert.ok(await signed(successor, leafOf(certificates.contextFor('a.example', place.at))));
});

test('what was decided about a successor holds over a restart, and it takes the place of the old one at its end', async () => {
  using place = createCaPlace();
  const first = await place.open();
  const old = first.trust;
  place.at += 306 * dayMs;
  const during = place.at;
  await first.contextFor('a.example', during);
  const { trust } = first;
  await first[Symbol.asyncDispose]();

  place.at += 59 * dayMs - 1000;
  await using second = await place.open();
  assert.equal(second.trust, trust);
  const lastLeaf = await leafOf(second.contextFor('a.example', during));
  assert.ok(await signed(old, Promise.resolve(lastLeaf)));
  assert.ok(lastLeaf.validToDate.getTime() <= (certificatesIn(old)[0]?.validToDate.getTime() ?? 0), 'no leaf outlasts its CA');
  const successor = trust.slice(old.length);
  assert.ok(await signed(successor, leafOf(second.contextFor('a.example', during + 1))));

  place.at += 3_600_000;
  assert.ok(await signed(successor, leafOf(second.contextFor('a.example', during))));
  assert.equal(second.trust, successor);
  assert.equal(caOf(place), successor);
});

test('after a sleep longer than the overlap a new CA is published at once', async () => {
  using place = createCaPlace();
  await using certificates = await place.open();
  const old = certificates.trust;
  place.at += 400 * dayMs;
  const leaf = leafOf(certificates.contextFor('a.example', place.at));
  assert.notEqual(certificates.trust, old);
  assert.equal(certificatesIn(certificates.trust).length, 1);
  assert.ok(await signed(certificates.trust, leaf));
});

test('a successor that cannot be published does not sign; the attempt is made again after a minute', () => {
  using place = createCaPlace();
  let full = false;
  const published: string[] = [];
  using signers = openMadeCa({
    directory: place.folders.directory,
    lifetimeMs: 100 * dayMs,
    renewBeforeMs: 10 * dayMs,
    now: () => place.at,
    publish: (trust) => {
      if (full) throw new Error('no space left');
      published.push(trust);
    },
    warn: (message) => place.warnings.push(message),
  });
  const old = signers.trust;
  const { id } = signers.signerFor(place.at);
  full = true;
  place.at += 95 * dayMs;
  assert.equal(signers.signerFor(place.at + 1).id, id);
  assert.equal(signers.signerFor(place.at + 1).id, id);
  assert.deepEqual(place.warnings, ['the CA could not be renewed: no space left']);
  assert.equal(signers.trust, old);
  full = false;
  place.at += 61_000;
  assert.equal(signers.signerFor(place.at).id, id);
  assert.notEqual(signers.signerFor(place.at + 1).id, id);
  assert.deepEqual(published, [old, signers.trust]);
});

test('a lifetime that is configured holds', async () => {
  using place = createCaPlace();
  await using certificates = await place.open({ lifetime: 10 * dayMs, renew_before: 2 * dayMs });
  assert.equal(certificatesIn(certificates.trust)[0]?.validToDate.getTime(), wholeSecond(place.at + 10 * dayMs));
  place.at += 9 * dayMs;
  await certificates.contextFor('a.example', place.at);
  assert.equal(certificatesIn(certificates.trust).length, 2);
});

test('one process at a time has the CA', async () => {
  using place = createCaPlace();
  await using first = await place.open();
  assert.ok(first.trust);
  await assert.rejects(place.open(), /another Exeat writes .*ca\.json/);
});

test('a folder that is there gets the rights that it should have', async () => {
  using place = createCaPlace();
  mkdirSync(place.folders.directory);
  chmodSync(place.folders.directory, 0o777);
  await using certificates = await place.open();
  assert.ok(certificates.trust);
  assert.equal(modeOf(place.folders.directory), '700');
});

test('a folder of somebody else is refused', { skip: process.getuid?.() === 0 ? false : 'takes root' }, async () => {
  using place = createCaPlace();
  mkdirSync(place.folders.directory);
  chownSync(place.folders.directory, 12_345, 0);
  await assert.rejects(place.open(), /tls\.ca\.directory: .* belongs to user 12345/);
});

test('what is damaged is not silently replaced, and nothing of it is repeated', async () => {
  using place = createCaPlace();
  await (await place.open())[Symbol.asyncDispose]();
  const file = join(place.folders.directory, 'ca.json');
  const whole = readFileSync(file, 'utf8');
  const key = JSON.parse(whole)[0].key as string;
  using other = createCaPlace();
  await (await other.open())[Symbol.asyncDispose]();
  const foreign = JSON.parse(readFileSync(join(other.folders.directory, 'ca.json'), 'utf8'))[0].key as string;
  for (const text of [
    '',
    '{}',
    whole.slice(0, 300),
    whole.replace('BEGIN CERT', 'BEGIN CART'),
    JSON.stringify([{ ...JSON.parse(whole)[0], key: foreign }]),
  ]) {
    writeFileSync(file, text);
    await assert.rejects(
      place.open(),
      (error: Error) => /ca\.json is damaged/.test(error.message) && !error.message.includes(key.slice(30, 60)),
    );
  }
  writeFileSync(file, whole);
  await (await place.open())[Symbol.asyncDispose]();
});

test('a link that somebody put into the published folder is not followed', async () => {
  using place = createCaPlace();
  mkdirSync(place.folders.publish);
  const victim = join(place.folders.publish, 'victim');
  writeFileSync(victim, 'untouched');
  for (const name of ['ca.pem', 'ca.pem.next', 'bundle.pem.next']) symlinkSync(victim, join(place.folders.publish, name));
  await using certificates = await place.open();
  assert.equal(readFileSync(victim, 'utf8'), 'untouched');
  assert.equal(caOf(place), certificates.trust);
});
