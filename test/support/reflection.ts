import type { Credential } from '../../src/credentials/credential.ts';
import type { Form } from '../../src/egress/masking.ts';
import { Masking } from '../../src/egress/masking.ts';
import { needlesOf } from '../../src/egress/needles.ts';
import { Search } from '../../src/egress/search.ts';
import { Secret } from '../../src/secret.ts';

/** A credential in one header field. */
export function credentialOf(value: string, name = 'authorization'): Credential {
  return {
    lease: {
      id: 'lease_1',
      task: 'task_1',
      destination: 'api',
      kind: 'static',
      audience: undefined,
      scope: undefined,
      issuedAt: 0,
      expiresAt: 0,
      revocation: 'none',
      shared: true,
      legacy: true,
      fingerprint: '',
    },
    headers: [[name, new Secret(value)]],
  };
}

export function searchOf(value: string, name?: string): Search {
  return new Search(needlesOf(credentialOf(value, name)));
}

export interface Passed {
  readonly text: string;
  /** What went on after each chunk, and at the end. */
  readonly pieces: readonly string[];
  readonly forms: readonly Form[];
}

/** Sends a text through, a byte a character, in these chunks. */
export function passThrough(search: Search, chunks: readonly string[], part = false): Passed {
  const forms: Form[] = [];
  const masking = new Masking({ search, part, onFound: (form) => forms.push(form) });
  const out = chunks.map((chunk) => masking.push(Buffer.from(chunk, 'latin1')));
  const pieces = [...out, masking.end()].map((piece) => (piece === undefined ? '' : Buffer.from(piece).toString('latin1')));
  return { text: pieces.join(''), pieces, forms };
}

/** The text cut at each of these places. */
export function cutAt(text: string, places: readonly number[]): string[] {
  const at = [0, ...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return at.slice(1).map((end, i) => text.slice(at[i], end));
}
