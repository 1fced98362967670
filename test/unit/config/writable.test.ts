import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempDisposableSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writableByOthers } from '../../../src/config/writable.ts';

const root = process.getuid?.() === 0;

/** A folder that only its owner can write, with `config/exeat.yaml` in it. */
function fixture() {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-writable-'));
  const config = join(folder.path, 'config');
  const file = join(config, 'exeat.yaml');
  mkdirSync(config, { mode: 0o755 });
  writeFileSync(file, '', { mode: 0o644 });
  return { path: folder.path, config, file, [Symbol.dispose]: () => folder.remove() };
}

test('files of the user in folders of the user are in order, also below /tmp', () => {
  using at = fixture();
  assert.deepEqual(writableByOthers([at.file, at.config]), []);
});

test('a file that everyone can write is named', () => {
  using at = fixture();
  chmodSync(at.file, 0o666);
  assert.deepEqual(writableByOthers([at.file]), [`${at.file} is writable by everyone (mode 0666)`]);
  assert.deepEqual(writableByOthers([at.config]), [`${at.file} is writable by everyone (mode 0666)`], 'found in its folder too');
});

test('a file in a folder that everyone can write can be replaced', () => {
  using at = fixture();
  chmodSync(at.config, 0o777);
  assert.deepEqual(writableByOthers([at.file]), [`${at.file} can be replaced: ${at.config} is writable by everyone (mode 0777)`]);
});

test('the folder above counts as well', () => {
  using at = fixture();
  chmodSync(at.path, 0o777);
  assert.deepEqual(writableByOthers([at.file]), [`${at.file} can be replaced: ${at.path} is writable by everyone (mode 0777)`]);
});

test('in a sticky folder others cannot replace a file, but make one that is missing', () => {
  using at = fixture();
  chmodSync(at.config, 0o1777);
  const missing = join(at.config, 'operator.token');
  assert.deepEqual(writableByOthers([at.file]), []);
  assert.deepEqual(writableByOthers([missing]), [`${missing} can be replaced: ${at.config} lets others make it first`]);
});

test('a link is followed through every folder on its way', () => {
  using at = fixture();
  const open = join(at.path, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  symlinkSync('../config/exeat.yaml', join(open, 'link.yaml'));
  const link = join(at.path, 'link.yaml');
  symlinkSync('open/link.yaml', link);
  assert.deepEqual(writableByOthers([link]), [`${link} can be replaced: ${open} is writable by everyone (mode 0777)`]);
});

test('links that lead nowhere end', () => {
  using at = fixture();
  const loop = join(at.path, 'loop');
  symlinkSync('loop', loop);
  assert.deepEqual(writableByOthers([loop]), [`${loop} is a loop of links`]);
});

test('a missing file in folders of the user is in order', () => {
  using at = fixture();
  assert.deepEqual(writableByOthers([join(at.path, 'not', 'there')]), []);
});

test("a file of another user, or of a group with other members, is named; root's and the user's own are not", { skip: !root }, () => {
  using at = fixture();
  chownSync(at.file, 12_345, 0);
  assert.deepEqual(writableByOthers([at.file], 0), [`${at.file} belongs to user 12345`]);
  chownSync(at.path, 12_345, 0);
  chownSync(at.config, 12_345, 0);
  assert.deepEqual(writableByOthers([at.file], 12_345), []);
  chownSync(at.file, 0, 54_321);
  chmodSync(at.file, 0o664);
  assert.deepEqual(writableByOthers([at.file], 12_345), [`${at.file} is writable by group 54321 (mode 0664)`]);
});
