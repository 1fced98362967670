import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createFingerprint } from '../../src/fingerprint.ts';

test('a fingerprint is the same for the same value, another for another value or under another key, and never as long as the hash', () => {
  const [mine, other] = [createFingerprint(randomBytes(32)), createFingerprint(randomBytes(32))];
  assert.equal(mine('?q=secret'), mine('?q=secret'));
  assert.notEqual(mine('?q=secret'), mine('?q=secrets'));
  assert.notEqual(mine('?q=secret'), other('?q=secret'));
  assert.match(mine(''), /^[\w-]{22}$/);
});

test('a key of any other length is refused', () => {
  assert.throws(() => createFingerprint(randomBytes(16)), /32 bytes/);
});
