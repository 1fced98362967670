import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createMemoryRecords, createRegistry } from '../../src/authority/registry.ts';
import type { IssuedToken } from '../../src/authority/registry.ts';
import { openState } from '../../src/state.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-authority-'));
after(() => rmSync(folder, { recursive: true }));

function token(jti: string, issuedAt: number): IssuedToken {
  const who = { client: 'c', subject: 's', subjectIssuer: 'i', audience: 'a', scope: '' };
  return { jti, ...who, taskId: 'task_1', issuedAt, expiresAt: issuedAt + 300_000 };
}

test('a revocation that cannot be written is in effect, and is reported as failed', () => {
  const state = openState(folder);
  const registry = createRegistry(state.records('tokens'), () => 1000);
  registry.add(token('one', 1000));
  state[Symbol.dispose]();
  assert.throws(() => registry.revoke('one'), { code: 'credential_unavailable' });
  assert.equal(registry.active('one'), false);
  assert.throws(() => registry.revoke('one'), { code: 'credential_unavailable' });
});

test('a token that cannot be written down is not issued', () => {
  const state = openState(folder);
  const registry = createRegistry(state.records('tokens'), () => 1000);
  state[Symbol.dispose]();
  assert.throws(() => registry.add(token('two', 1000)), { code: 'credential_unavailable' });
  assert.equal(registry.active('two'), false);
});

test('dead tokens are forgotten, so that neither memory nor disk grows', () => {
  let now = 0;
  const records = createMemoryRecords<IssuedToken>();
  const registry = createRegistry(records, () => now);
  for (let index = 0; index < 1000; index += 1) {
    now = index * 10_000;
    registry.add(token(String(index), now));
  }
  assert.ok(records.all().length <= 32);
  assert.equal(registry.ofTask('task_1').length, records.all().length);
  assert.equal(registry.active('999'), true);
});
