import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFingerprint } from '../../src/fingerprint.ts';

test('a fingerprint is the first 128 bits of an HMAC-SHA-256 under the hexadecimal key, for any text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 32 }), fc.string({ unit: 'grapheme', maxLength: 200 }), (key, value) => {
      const expected = createHmac('sha256', Buffer.from(key).toString('hex')).update(value).digest('base64url').slice(0, 22);
      assert.equal(createFingerprint(key)(value), expected);
    }),
  );
});
