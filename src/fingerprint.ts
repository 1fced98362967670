import { hash } from 'node:crypto';

/** Keyed digest of a value that must not be written down: joins log lines, tells nothing without the key. */
export type Fingerprint = (value: string) => string;

const blockBytes = 64;

/**
 * HMAC-SHA-256 (RFC 2104), cut to 128 bits, base64url. The hexadecimal form of `key` is the HMAC key: as text it is padded once and for
 * all, and two one-shot hashes cost a quarter of the objects that `createHmac` makes for each call.
 */
export function createFingerprint(key: Uint8Array): Fingerprint {
  const text = Buffer.from(key).toString('hex').padEnd(blockBytes, '\0');
  if (text.length !== blockBytes) throw new RangeError('the key is longer than 32 bytes');
  const inner = padded(text, 0x36);
  const outer = Buffer.from(padded(text, 0x5c), 'latin1');
  return (value) => hash('sha256', Buffer.concat([outer, hash('sha256', inner + value, 'buffer')]), 'base64url').slice(0, 22);
}

function padded(key: string, pad: number): string {
  return String.fromCharCode(...Array.from(key, (letter) => letter.charCodeAt(0) ^ pad));
}
