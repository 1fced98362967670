import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('a full disk stops new calls and readiness, never a revocation, and a gap event comes first when there is room again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'exeat-full-'));
  // A real, small file system of its own; for root a mount namespace is enough, for others a user namespace comes with it.
  const flags = process.getuid?.() === 0 ? ['-m'] : ['-r', '-m'];
  const script = new URL('../support/full-disk.ts', import.meta.url).pathname;
  const child = spawnSync('unshare', [...flags, process.execPath, script, folder], { encoding: 'utf8', timeout: 60_000 });
  rmSync(folder, { recursive: true, force: true });
  assert.equal(child.status, 0, `needs Linux with unshare and tmpfs: ${child.error?.message ?? child.stderr}`);
  const seen = JSON.parse(child.stdout) as Record<string, unknown>;
  const { gap, revokedAt, ...rest } = seen;
  assert.deepEqual(rest, {
    before: 200,
    refused: true,
    ready: 503,
    forwardedWhileFull: 0,
    revoked: 'revoked',
    again: true,
    problem: 'none',
  });
  assert.ok(Number(gap) > 0 && Number(revokedAt) > Number(gap), `gap at ${String(gap)}, task.revoked at ${String(revokedAt)}`);
});
