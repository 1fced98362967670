import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { calculateJwkThumbprintUri, createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { config, create, publicKeysFile } from '../../src/identity/local.ts';

const audience = 'https://idp.example';
const never = new AbortController().signal;
const settings = config.parse({ source: 'local' });

function temporary(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'exeat-local-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('A local identity is its key: the issuer is the thumbprint, the subject the user and the host', async () => {
  using folder = temporary();
  await using source = await create(settings, { folder: folder.path });
  const keys = JSON.parse(readFileSync(publicKeysFile(folder.path), 'utf8')) as JSONWebKeySet;
  const { payload } = await jwtVerify((await source.token(audience, never)).jwt.reveal(), createLocalJWKSet(keys), { audience });
  assert.ok(keys.keys[0]);
  assert.equal(payload.iss, await calculateJwkThumbprintUri(keys.keys[0], 'sha256'));
  assert.equal(payload.sub, `local:${userInfo().username}@${hostname()}`);
  assert.equal(payload.aud, audience, 'one audience, as a string');
  assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 300);
  assert.ok(payload.jti);
  assert.equal(source.principal()?.id, `${payload.iss}|${payload.sub}`);
});

test('The key is made once, for its user alone, and outlives the process', async () => {
  using folder = temporary();
  const [one, two] = await Promise.all([create(settings, { folder: folder.path }), create(settings, { folder: folder.path })]);
  assert.equal(one.principal()?.id, two.principal()?.id);
  assert.equal(statSync(join(folder.path, 'local.key')).mode & 0o777, 0o600);
  const again = await create(settings, { folder: folder.path });
  assert.equal(again.principal()?.id, one.principal()?.id);
});

test('A token serves until half of its life is gone, or until it is refused', async () => {
  using folder = temporary();
  let time = Date.now();
  await using source = await create(settings, { folder: folder.path, now: () => time });
  const text = async (fresh?: boolean) => (await source.token(audience, never, fresh)).jwt.reveal();
  const first = await text();
  time += 149_000;
  assert.equal(await text(), first);
  time += 2000;
  const second = await text();
  assert.notEqual(second, first);
  assert.notEqual(await text(true), second);
});
