import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { agent, assertion, startAuthorityFixture } from '../support/authority.ts';
import type { AuthorityFixture } from '../support/authority.ts';
import { createWorkloadIssuer } from '../support/workload-issuer.ts';
import type { WorkloadIssuer } from '../support/workload-issuer.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-authority-'));
after(() => rmSync(folder, { recursive: true }));
const issuer = 'spiffe://acme.example';

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
    trusted_issuers: [{ issuer, jwks_url: keys.url, allow_http_loopback: true }],
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
    trusted_issuers: [{ issuer, jwks_url: keys.url, allow_http_loopback: true }],
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
    trusted_issuers: [{ issuer, jwks_url: keys.url, allow_http_loopback: true }],
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

test('an outage of the key server is survived for an hour with the keys that are known', async () => {
  const workloads = await createWorkloadIssuer(issuer);
  await using keys = await startKeyServer(workloads.jwks);
  let shiftMs = 0;
  await using fixture = await startAuthorityFixture({
    trusted_issuers: [{ issuer, jwks_url: keys.url, allow_http_loopback: true }],
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
