import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Resolve } from '../../src/egress/address-guard.ts';
import { createGuardedFetch } from '../../src/egress/client.ts';
import { agent, assertion, startAuthorityFixture } from '../support/authority.ts';
import type { AuthorityFixture } from '../support/authority.ts';
import { createRoot } from '../support/certificates.ts';
import { startOrigin } from '../support/origin.ts';
import { createWorkloadIssuer } from '../support/workload-issuer.ts';
import type { WorkloadIssuer } from '../support/workload-issuer.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-authority-'));
after(() => rmSync(folder, { recursive: true }));
const issuer = 'spiffe://acme.example';
const loopback: Resolve = (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]);

interface KeyServer extends AsyncDisposable {
  readonly url: string;
  requests: number;
  /** What it answers: a key set, or a status. */
  answer: unknown;
}

async function startKeyServer(answer: unknown): Promise<KeyServer> {
  const server = createServer((_, response) => {
    state.requests += 1;
    if (typeof state.answer === 'number') response.writeHead(state.answer, { location: '/elsewhere' }).end();
    else response.end(JSON.stringify(state.answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const state: KeyServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    requests: 0,
    answer,
    [Symbol.asyncDispose]: async () => server.close().closeAllConnections(),
  };
  return state;
}

async function statusOf(fixture: AuthorityFixture, workloads: WorkloadIssuer): Promise<number> {
  const jwt = await workloads.token({ sub: agent, aud: fixture.authority.issuer, exp: Math.floor(Date.now() / 1000) + 86_400 });
  return (await fixture.post('/token', await fixture.exchangeForm({ ...assertion(jwt), subject_token: jwt }))).status;
}

test('keys at a URL are fetched once, and again for a kid that is new, but not for every one', async () => {
  const [one, two] = [await createWorkloadIssuer(issuer, 'k1'), await createWorkloadIssuer(issuer, 'k2')];
  await using keys = await startKeyServer(one.jwks);
  let shiftMs = 0;
  await using fixture = await startAuthorityFixture({
    trusted_issuers: [{ issuer, jwks_url: keys.url, unsafe_cleartext: true }],
    now: () => Date.now() + shiftMs,
  });
  const statuses = await Promise.all([one, one, one].map((each) => statusOf(fixture, each)));
  assert.deepEqual([statuses, keys.requests], [[200, 200, 200], 1]);

  shiftMs = 31_000;
  keys.answer = { keys: [...one.jwks.keys, ...two.jwks.keys] };
  assert.deepEqual([await statusOf(fixture, two), keys.requests], [200, 2]);

  const three = await createWorkloadIssuer(issuer, 'k3');
  for (let attempt = 0; attempt < 5; attempt += 1) assert.equal(await statusOf(fixture, three), 400);
  assert.equal(keys.requests, 2);
});

test('a key that its issuer has withdrawn is not accepted for long', async () => {
  const [one, two] = [await createWorkloadIssuer(issuer, 'k1'), await createWorkloadIssuer(issuer, 'k2')];
  await using keys = await startKeyServer(one.jwks);
  let shiftMs = 0;
  await using fixture = await startAuthorityFixture({
    trusted_issuers: [{ issuer, jwks_url: keys.url, unsafe_cleartext: true }],
    now: () => Date.now() + shiftMs,
  });
  assert.equal(await statusOf(fixture, one), 200);
  keys.answer = two.jwks;
  shiftMs = 301_000;
  assert.equal(await statusOf(fixture, one), 400);
});

test('keys that cannot be had are a 503 to be repeated, never a refusal, and never a redirect followed', async () => {
  const workloads = await createWorkloadIssuer(issuer);
  await using keys = await startKeyServer(302);
  let shiftMs = 0;
  const failures: string[] = [];
  await using fixture = await startAuthorityFixture({
    trusted_issuers: [{ issuer, jwks_url: keys.url, unsafe_cleartext: true }],
    now: () => Date.now() + shiftMs,
    onEvent: (event) => event.type === 'failed' && failures.push(event.message),
  });
  const jwt = await workloads.token({ sub: agent, aud: fixture.authority.issuer });
  const response = await fixture.post('/token', await fixture.exchangeForm({ ...assertion(jwt), subject_token: jwt }));
  assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1']);
  assert.deepEqual(await response.json(), { error: 'temporarily_unavailable' });
  assert.equal(await statusOf(fixture, workloads), 503);
  assert.equal(keys.requests, 1);
  assert.match(failures[0] ?? '', /cannot be read/);

  keys.answer = workloads.jwks;
  shiftMs = 1100;
  assert.equal(await statusOf(fixture, workloads), 200);
});

test('keys are fetched through the guard: over verified TLS, from a private address with leave only, and never from a metadata service', async () => {
  const workloads = await createWorkloadIssuer(issuer);
  const root = await createRoot();
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, root.pem);
  await using keys = await startOrigin((_, response) => response.end(JSON.stringify(workloads.jwks)), await root.issue(['keys.example']));
  const url = `https://keys.example:${keys.port}/keys`;
  for (const [settings, status] of [
    [{ jwks_url: url, ca }, 503],
    [{ jwks_url: url, allow_private: true }, 503],
    [{ jwks_url: 'https://169.254.169.254/keys', ca, allow_private: true }, 503],
    [{ jwks_url: 'https://metadata.google.internal/keys', ca, allow_private: true }, 503],
    [{ jwks_url: url, ca, allow_private: true }, 200],
  ] as const) {
    await using fixture = await startAuthorityFixture({
      trusted_issuers: [{ issuer, ...settings }],
      openFetch: (network) => createGuardedFetch(network, { ownPorts: new Set(), resolve: loopback }),
    });
    assert.equal(await statusOf(fixture, workloads), status, JSON.stringify(settings));
    assert.equal(keys.seen.length, status === 200 ? 1 : 0);
  }
});

test('a key set without an end is given up', async () => {
  const workloads = await createWorkloadIssuer(issuer);
  await using endless = await startOrigin((_, response) => {
    const more = () => !response.destroyed && response.write(' '.repeat(65_536), () => setImmediate(more));
    more();
  });
  await using fixture = await startAuthorityFixture({
    trusted_issuers: [{ issuer, jwks_url: endless.url, unsafe_cleartext: true }],
  });
  assert.equal(await statusOf(fixture, workloads), 503);
});

test('an outage of the key server is survived for an hour with the keys that are known', async () => {
  const workloads = await createWorkloadIssuer(issuer);
  await using keys = await startKeyServer(workloads.jwks);
  let shiftMs = 0;
  await using fixture = await startAuthorityFixture({
    trusted_issuers: [{ issuer, jwks_url: keys.url, unsafe_cleartext: true }],
    now: () => Date.now() + shiftMs,
  });
  assert.equal(await statusOf(fixture, workloads), 200);
  keys.answer = 500;
  shiftMs = 3_500_000;
  assert.equal(await statusOf(fixture, workloads), 200);
  shiftMs = 3_601_000;
  assert.equal(await statusOf(fixture, workloads), 503);
});

test('a key file that is replaced is read again', async () => {
  const [one, two] = [await createWorkloadIssuer(issuer, 'k1'), await createWorkloadIssuer(issuer, 'k2')];
  const file = join(folder, 'keys.json');
  writeFileSync(file, JSON.stringify(one.jwks));
  let shiftMs = 0;
  await using fixture = await startAuthorityFixture({
    trusted_issuers: [{ issuer, jwks_file: file }],
    now: () => Date.now() + shiftMs,
  });
  assert.equal(await statusOf(fixture, one), 200);
  writeFileSync(file, JSON.stringify(two.jwks));
  shiftMs = 1100;
  assert.equal(await statusOf(fixture, two), 200);
  assert.equal(await statusOf(fixture, one), 400);
});

test('of a SPIFFE bundle only the JWT keys count', async () => {
  const workloads = await createWorkloadIssuer(issuer);
  const [key] = workloads.jwks.keys;
  const bundle = (use: string) => ({ keys: [{ kty: 'EC', ...key, use }] });
  await using jwt = await startAuthorityFixture({ trusted_issuers: [{ issuer, jwks: bundle('jwt-svid') }] });
  assert.equal(await statusOf(jwt, workloads), 200);
  await using x509 = await startAuthorityFixture({ trusted_issuers: [{ issuer, jwks: bundle('x509-svid') }] });
  assert.equal(await statusOf(x509, workloads), 400);
});
