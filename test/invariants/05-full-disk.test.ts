import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOnSmallDisk } from '../support/small-disk.ts';

test('a full disk stops new calls and readiness, never a revocation, and a gap event comes first when there is room again', () => {
  const { gap, revokedAt, ...rest } = runOnSmallDisk(new URL('../support/full-disk.ts', import.meta.url));
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
