import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Secret } from '../secret.ts';

/** Keeps a secret on disk so that only the holder of the key reads it, and only as part of the record it was sealed for. */
export interface Sealing {
  seal(secret: Secret, record: string): string;
  /** undefined: sealed with another key, for another record, or changed since. */
  unseal(sealed: string, record: string): Secret | undefined;
}

const ivBytes = 12;
const tagBytes = 16;

/** AES-256-GCM, a random nonce each time, the record's id authenticated with it. */
export function createSealing(key: Uint8Array): Sealing {
  return {
    seal(secret, record) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(record));
      const sealed = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
    },
    unseal(sealed, record) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < ivBytes + tagBytes) return undefined;
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes });
        decipher.setAAD(Buffer.from(record)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
        return new Secret(decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8'));
      } catch {
        return undefined;
      }
    },
  };
}
