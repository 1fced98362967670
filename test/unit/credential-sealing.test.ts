import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createSealing } from '../../src/credentials/sealing.ts';
import { Secret } from '../../src/secret.ts';

const sealing = createSealing(randomBytes(32));

test('A sealed secret comes back with its key, for its record, and no two seals are alike', () => {
  const sealed = sealing.seal(new Secret('töken'), 'lease_1');
  assert.equal(sealing.unseal(sealed, 'lease_1')?.reveal(), 'töken');
  assert.notEqual(sealing.seal(new Secret('töken'), 'lease_1'), sealed);
});

test('It does not come back for another record, with another key, or after any change', () => {
  const sealed = sealing.seal(new Secret('token'), 'lease_1');
  assert.equal(sealing.unseal(sealed, 'lease_2'), undefined);
  assert.equal(createSealing(randomBytes(32)).unseal(sealed, 'lease_1'), undefined);
  const bytes = Buffer.from(sealed, 'base64url');
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.equal(sealing.unseal(changed.toString('base64url'), 'lease_1'), undefined, `byte ${index}`);
    assert.equal(sealing.unseal(bytes.subarray(0, index).toString('base64url'), 'lease_1'), undefined, `cut at ${index}`);
  }
});
