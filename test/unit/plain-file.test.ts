import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPlainFile } from '../../src/plain-file.ts';

function startFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'exeat-plain-'));
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  return { folder, fifo, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test('a plain file is read whole, through links, up to its bound; anything else is an error at once', () => {
  using rig = startFolder();
  const file = join(rig.folder, 'file');
  writeFileSync(file, 'x'.repeat(100));
  symlinkSync(file, join(rig.folder, 'link'));
  assert.equal(readPlainFile(join(rig.folder, 'link'), 100).toString(), 'x'.repeat(100));
  assert.throws(() => readPlainFile(file, 99), /file has more than 99 bytes/);
  assert.equal(readPlainFile('/proc/self/status', 100_000).toString().slice(0, 5), 'Name:');
  assert.throws(() => readPlainFile('/dev/zero', 99), /\/dev\/zero is not a plain file/);
  mkdirSync(join(rig.folder, 'folder'));
  assert.throws(() => readPlainFile(join(rig.folder, 'folder'), 99), /is not a plain file/);
  assert.throws(() => readPlainFile(join(rig.folder, 'none'), 99), { code: 'ENOENT' });
});

// In a process of its own: one that waits for a FIFO cannot even be interrupted.
const readers: Readonly<Record<string, string>> = {
  'a plain file': `(await import('./src/plain-file.ts')).readPlainFile(path, 99)`,
  'a secret': `(await import('./src/settings.ts')).readSecret({ file: path })`,
  'a configuration': `(await import('./src/config/load.ts')).loadConfig(path)`,
  'the roots of a destination': `(await import('./src/config/peers.ts')).authorityNetworkOf({ authority: { ca: path, timeouts: {} } })`,
  'a policy': `(await import('./src/policy/cedar.ts')).create({ engine: 'cedar', directory }, { destinations: [], intents: {} })`,
  'the keys of an issuer': `(await import('./src/authority/issuer-keys.ts')).createKeyLookup({ jwks_file: path }, Date.now)`,
  'older audit files': `(await import('./src/audit/file.ts')).olderFiles(directory + '/audit.ndjson')`,
};

for (const [what, expression] of Object.entries(readers)) {
  test(`${what}: no reader waits for a FIFO that stands in a file's place`, () => {
    using rig = startFolder();
    for (const name of ['x.cedar', 'audit.ndjson.1']) execFileSync('mkfifo', [join(rig.folder, name)]);
    const code = `const [path, directory] = ${JSON.stringify([rig.fifo, rig.folder])}; await Promise.resolve(${expression}).catch(() => {});`;
    const guarded = `try { ${code} } catch {} console.log('done');`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', guarded], {
      timeout: 10_000,
      encoding: 'utf8',
    });
    assert.equal(stdout, 'done\n');
  });
}
