import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs a script in a mount namespace of its own, in which it may mount a real, small file system on the folder that it is given; answers with
 * the JSON that it prints. For root a mount namespace is enough, for others a user namespace comes with it.
 */
export function runOnSmallDisk(script: URL): Record<string, unknown> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-full-'));
  const flags = process.getuid?.() === 0 ? ['-m'] : ['-r', '-m'];
  const child = spawnSync('unshare', [...flags, process.execPath, script.pathname, folder.path], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(child.status, 0, `needs Linux with unshare and tmpfs: ${child.error?.message ?? child.stderr}`);
  return JSON.parse(child.stdout) as Record<string, unknown>;
}
