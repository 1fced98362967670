import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { assertion, startAuthorityFixture } from '../support/authority.ts';
import type { AuthorityFixture } from '../support/authority.ts';
import { startAuthority } from '../../src/authority/authority.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-authority-'));
after(() => rmSync(folder, { recursive: true }));
const issuer = 'https://as.example';

async function jwks({ authority }: AuthorityFixture): Promise<JSONWebKeySet> {
  return (await (await fetch(`${authority.url}/jwks`)).json()) as JSONWebKeySet;
}

async function activity(fixture: AuthorityFixture, workload: string, token: string): Promise<unknown> {
  const response = await fixture.post('/introspect', { token, ...assertion(workload) });
  return ((await response.json()) as { active: unknown }).active;
}

test('keys, living tokens and revocations survive a restart', async () => {
  const data = join(folder, 'kept');
  const first = await startAuthorityFixture({ data, issuer });
  const workload = await first.workloadToken();
  const [{ access_token: living }, { access_token: revoked }] = [await first.exchange({ task_id: 'task_1' }), await first.exchange()];
  await first.post('/revoke', { token: revoked, ...assertion(workload) });
  const before = await jwks(first);
  await first.authority.close();
  assert.equal(statSync(data).mode & 0o777, 0o700);

  const { issuer: name, jwks: keys } = first.workloads;
  await using second = await startAuthorityFixture({ data, issuer, trusted_issuers: [{ issuer: name, jwks: keys }] });
  assert.deepEqual(await jwks(second), before);
  assert.equal(await activity(second, workload, living), true);
  assert.equal(await activity(second, workload, revoked), false);
  assert.equal(second.authority.tokensOf('task_1').length, 1);
});

test('two authorities never share a state folder', async () => {
  const data = join(folder, 'locked');
  await using first = await startAuthorityFixture({ data });
  await assert.rejects(startAuthorityFixture({ data }), /another Exeat uses the state folder/);
  await first.exchange();
});

test('an authority that could not start leaves its folder and port free', async () => {
  const data = join(folder, 'failed');
  const settings = { listen: '127.0.0.1:0', data, trusted_issuers: [{ issuer: 'x', jwks_file: join(folder, 'missing.json') }] };
  await assert.rejects(startAuthority(settings), /missing\.json cannot be read/);
  await using fixture = await startAuthorityFixture({ data });
  await fixture.exchange();
});

test('without a data folder nothing outlives the process: earlier tokens are not active', async () => {
  const first = await startAuthorityFixture({ issuer });
  const { access_token: token } = await first.exchange();
  await first.authority.close();
  await using second = await startAuthorityFixture({ issuer });
  assert.equal(await activity(second, await second.workloadToken(), token), false);
});

test('a key is published before it signs, and afterwards until its tokens are dead', async () => {
  let shiftMs = 0;
  await using fixture = await startAuthorityFixture({ now: () => Date.now() + shiftMs });
  const early = await jwks(fixture);
  const { access_token: old } = await fixture.exchange();
  assert.equal(early.keys.length, 2);
  const kid = fixture.authority.rotateKeys();
  assert.ok(early.keys.some((key) => key.kid === kid));

  const { access_token: fresh } = await fixture.exchange();
  assert.equal(decodeProtectedHeader(fresh).kid, kid);
  assert.notEqual(decodeProtectedHeader(old).kid, kid);
  await jwtVerify(fresh, createLocalJWKSet(early));
  await jwtVerify(old, createLocalJWKSet(await jwks(fixture)));

  shiftMs = 301_000;
  assert.equal((await jwks(fixture)).keys.length, 3);
  shiftMs = 361_000;
  const late = await jwks(fixture);
  assert.equal(late.keys.length, 2);
  assert.ok(late.keys.every((key) => key.kid !== decodeProtectedHeader(old).kid));
});

test('the signing key is replaced by itself when it is old enough', async () => {
  let shiftMs = 0;
  await using fixture = await startAuthorityFixture({ rotate_keys_every: '10m', now: () => Date.now() + shiftMs });
  const kidOf = async (): Promise<unknown> => decodeProtectedHeader((await fixture.exchange()).access_token).kid;
  const first = await kidOf();
  shiftMs = 300_000;
  assert.equal(await kidOf(), first);
  shiftMs = 601_000;
  // The workload tokens live by the real clock: long enough for this.
  const { workloads, authority } = fixture;
  const jwt = await workloads.token({
    sub: 'spiffe://acme.example/agents/triage',
    aud: authority.issuer,
    exp: Math.floor(Date.now() / 1000) + 3600,
  });
  const { access_token: token } = await fixture.exchange({ ...assertion(jwt), subject_token: jwt });
  assert.notEqual(decodeProtectedHeader(token).kid, first);
});
