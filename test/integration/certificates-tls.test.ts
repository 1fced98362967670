import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { certificatesIn, createCaPlace, dayMs } from '../support/ca.ts';
import { createCa } from '../support/own-ca.ts';
import { handshake, serveTls } from '../support/tls-host.ts';

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
const name = 'api.example.com';

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version };

  test(`a client that trusts the CA accepts names and addresses by ${version}`, async () => {
    using place = createCaPlace();
    await using certificates = await place.open();
    await using host = await serveTls(certificates, name);
    const ca = readFileSync(join(place.folders.publish, 'ca.pem'));
    assert.equal((await handshake(host, { ...only, ca, servername: name })).protocol, version);
    const bundle = readFileSync(join(place.folders.publish, 'bundle.pem'));
    assert.equal((await handshake(host, { ...only, ca: bundle, servername: name })).protocol, version);
    host.host = '127.0.0.1';
    assert.equal((await handshake(host, { ...only, ca })).protocol, version);
    host.host = 'x'.repeat(63).concat('.', 'y'.repeat(63), '.example');
    assert.equal((await handshake(host, { ...only, ca, servername: host.host })).protocol, version);
  });

  test(`a session resumes by ${version}, for its own host only`, async () => {
    using place = createCaPlace();
    await using certificates = await place.open();
    await using host = await serveTls(certificates, name);
    const options = { ...only, ca: certificates.trust, servername: name };
    const first = await handshake(host, options);
    assert.ok(!first.reused && first.session !== undefined);
    const again = await handshake(host, { ...options, session: first.session });
    assert.ok(again.reused);
    host.host = 'other.example.com';
    const elsewhere = await handshake(host, { ...options, servername: host.host, session: first.session });
    assert.deepEqual([elsewhere.protocol, elsewhere.reused], [version, false]);
  });

  test(`when a successor takes over, clients that read the published files meet nothing by ${version}`, async () => {
    using place = createCaPlace();
    const today = place.at;
    place.at -= 310 * dayMs;
    await using certificates = await place.open();
    await using host = await serveTls(certificates, name);
    host.openedAt = place.at;
    const old = certificates.trust;
    const refusal = async (ca: string) => (await handshake(host, { ...only, ca, servername: name })).refused;

    place.at = today;
    assert.equal(await refusal(old), undefined, 'a task from before the publication, a client from before it');
    const both = certificates.trust;
    assert.equal(certificatesIn(both).length, 2);
    assert.equal(await refusal(both), undefined, 'a task from before the publication, a client from after it');
    host.openedAt = today + 1;
    assert.equal(await refusal(both), undefined, 'a task from after the publication');
    assert.equal(await refusal(readFileSync(join(place.folders.publish, 'bundle.pem'), 'utf8')), undefined);
    assert.match((await refusal(old)) ?? '', /UNABLE_TO_VERIFY_LEAF_SIGNATURE/, 'a client that has not read since');
  });
}

test('nothing older than TLS 1.2 is spoken', async () => {
  using place = createCaPlace();
  await using certificates = await place.open();
  await using host = await serveTls(certificates, name);
  const { refused } = await handshake(host, {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
    ca: certificates.trust,
    servername: name,
  });
  // It is the server that ends it: with an alert, where that arrives before the end.
  assert.match(refused ?? '', /PROTOCOL_VERSION|ECONNRESET/);
});

test('a client that does not trust the CA refuses', async () => {
  using place = createCaPlace();
  await using certificates = await place.open();
  await using host = await serveTls(certificates, name);
  assert.match((await handshake(host, { servername: name })).refused ?? '', /UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)/);
});

test('with a CA of your own its intermediates are sent along: a client that has only the root accepts', async () => {
  using place = createCaPlace();
  const root = await createCa();
  const middle = await root.below({ name: 'Middle' });
  const own = await middle.below({ name: 'Own', pathLength: 0 });
  const at = (file: string, text: string): string => {
    const path = join(place.folders.publish, '..', file);
    writeFileSync(path, text);
    return path;
  };
  await using certificates = await place.open({
    certificate: { file: at('own.pem', `${own.certificate}${middle.certificate}${root.certificate}`) },
    key: { file: at('own.key', own.key) },
  });
  await using host = await serveTls(certificates, name);
  assert.equal((await handshake(host, { ca: root.certificate, servername: name })).refused, undefined);
  assert.equal((await handshake(host, { ca: certificates.trust, servername: name })).refused, undefined);
});
