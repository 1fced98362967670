import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'node:test';
import { config, create } from '../../src/identity/file.ts';
import type { WorkloadIdentitySource } from '../../src/identity/identity.ts';
import { createWorkloadIssuer } from '../support/workload-issuer.ts';

const audience = 'https://idp.example';
const never = new AbortController().signal;

async function startSource(claims: object = {}, options: { readonly reread?: string; readonly now?: () => number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'exeat-identity-'));
  const path = join(folder, 'token');
  const issuer = await createWorkloadIssuer('https://oidc.cluster.example');
  const token = (more: object = {}) => issuer.token({ sub: 'system:serviceaccount:agents:triage', aud: [audience], ...claims, ...more });
  const write = (text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  write(await token());
  const warnings: string[] = [];
  const source: WorkloadIdentitySource = await create(config.parse({ source: 'file', path, reread: options.reread ?? '300ms' }), {
    warn: (message) => void warnings.push(message),
    ...(options.now && { now: options.now }),
  });
  return {
    source,
    path,
    folder,
    token,
    write,
    warnings,
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

test('The token in the file proves who the workload is, to the one audience that it names', async () => {
  await using rig = await startSource();
  const { jwt, principal, expiresAt } = await rig.source.token(audience, never);
  assert.equal(principal.id, 'https://oidc.cluster.example|system:serviceaccount:agents:triage');
  assert.equal(rig.source.principal(), principal);
  assert.equal(rig.source.expiresAt(), expiresAt);
  assert.match(jwt.reveal(), /^ey/);
});

test('A token for another audience is refused with both audiences in the message', async () => {
  await using rig = await startSource();
  await assert.rejects(rig.source.token('https://other.example', never), {
    code: 'identity_unavailable',
    message: /"https:\/\/other\.example" and no other; it has "https:\/\/idp\.example"/,
  });
});

test('A token with a second audience is refused: whoever that is could use it as ours', async () => {
  await using rig = await startSource({ aud: [audience, 'https://elsewhere.example'] });
  await assert.rejects(rig.source.token(audience, never), { code: 'identity_unavailable' });
});

test('A rotated token is picked up without a restart, and listeners are told', async () => {
  await using rig = await startSource();
  const rotations: number[] = [];
  rig.source.onRotation((_principal, expiresAt) => void rotations.push(expiresAt));
  const before = (await rig.source.token(audience, never)).jwt.reveal();
  rig.write(await rig.token({ exp: Math.floor(Date.now() / 1000) + 900 }));
  await pause(450);
  assert.notEqual((await rig.source.token(audience, never)).jwt.reveal(), before);
  assert.deepEqual(rotations, [rig.source.expiresAt()]);
});

test('The file is found by its path each time, also behind a symlink to a folder that is swapped', async () => {
  await using rig = await startSource();
  const folders = ['..one', '..two'].map((name) => join(rig.folder, name));
  for (const [index, folder] of folders.entries()) {
    mkdirSync(folder);
    writeFileSync(join(folder, 'token'), await rig.token({ jti: String(index) }));
  }
  rmSync(rig.path);
  symlinkSync('..one', join(rig.folder, '..data'));
  symlinkSync('..data/token', rig.path);
  const first = await rig.source.token(audience, never, true);
  symlinkSync('..two', join(rig.folder, '..swap'));
  renameSync(join(rig.folder, '..swap'), join(rig.folder, '..data'));
  const second = await rig.source.token(audience, never, true);
  assert.notEqual(first.jwt.reveal(), second.jwt.reveal());
});

test('Near its end the token is read again before it is used, whenever the timer is due', async () => {
  let time = Date.now();
  await using rig = await startSource({}, { reread: '1h', now: () => time });
  const before = await rig.source.token(audience, never);
  rig.write(await rig.token({ exp: Math.floor(time / 1000) + 3600 }));
  time += 580_000;
  assert.notEqual((await rig.source.token(audience, never)).jwt.reveal(), before.jwt.reveal());
});

test('An expired token is no proof: there is no principal, and no token is given out', async () => {
  let time = Date.now();
  await using rig = await startSource({}, { reread: '1h', now: () => time });
  time += 601_000;
  assert.equal(rig.source.principal(), undefined);
  assert.equal(rig.source.expiresAt(), undefined);
  await assert.rejects(rig.source.token(audience, never), { code: 'identity_unavailable', message: /expired/ });
});

test('A file that turns bad leaves the good proof in force until it expires, and is warned about once', async () => {
  await using rig = await startSource();
  rig.write('not a token');
  for (let look = 0; look < 3; look += 1) assert.ok(await rig.source.token(audience, never, true));
  assert.deepEqual(rig.warnings, [`workload identity ${rig.path}: the workload token is not a JWT`]);
});

test('A file that is missing at start is picked up when it is there', async () => {
  await using rig = await startSource();
  rmSync(rig.path);
  const source = await create(config.parse({ source: 'file', path: rig.path }), {});
  assert.equal(source.principal(), undefined);
  await assert.rejects(source.token(audience, never), { code: 'identity_unavailable', message: /no such file/ });
  rig.write(await rig.token());
  assert.ok(await source.token(audience, never));
  await source[Symbol.asyncDispose]();
});
