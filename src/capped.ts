import type { Fingerprint } from './fingerprint.ts';

/** Longest text of the agent's that is written down. */
const mostCharacters = 1024;

/** A keyed digest of the whole stands for what is cut off; neither a path nor an operation can hold the ellipsis. */
export function capped(text: string, fingerprint: Fingerprint): string {
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters)}…${fingerprint(text)}`;
}

/** As many of a list as would fit into such a text, with an ellipsis for the rest. */
export function cappedList(texts: readonly string[]): readonly string[] {
  let left = mostCharacters;
  const kept = texts.findIndex((text) => (left -= text.length + 3) < 0);
  return kept === -1 ? texts : [...texts.slice(0, kept), '…'];
}
