import { hash } from 'node:crypto';

/** Keyed digest of a value that must not be written down: joins log lines, tells nothing without the key. */
export type Fingerprint = (value: string) => string;

/** Agents repeat their queries: what is remembered has a bound. */
const maxRemembered = 1024;
const maxRememberedLength = 256;

/**
 * SHA-256 over the key (in hexadecimal, one block) and the value, cut to 128 bits, base64url. Cutting half off is what makes a hash with a
 * key in front a sound keyed function (chop-MD; no length extension); one hash instead of HMAC's two, for each call with a query.
 */
export function createFingerprint(key: Uint8Array): Fingerprint {
  if (key.length !== 32) throw new RangeError('the key must be 32 bytes long');
  const block = Buffer.from(key).toString('hex');
  const digests = new Map<string, string>();
  return (value) => {
    const known = digests.get(value);
    if (known !== undefined) return known;
    const digest = hash('sha256', block + value, 'base64url').slice(0, 22);
    if (digests.size >= maxRemembered) digests.clear();
    if (value.length <= maxRememberedLength) digests.set(value, digest);
    return digest;
  };
}
