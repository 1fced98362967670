import { createHmac } from 'node:crypto';

/** Keyed digest of a value that must not be written down: joins log lines, tells nothing without the key. */
export type Fingerprint = (value: string) => string;

/** HMAC-SHA-256, cut to 128 bits, base64url. */
export function createFingerprint(key: Uint8Array): Fingerprint {
  return (value) => createHmac('sha256', key).update(value).digest('base64url').slice(0, 22);
}
