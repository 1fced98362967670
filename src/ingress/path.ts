import { refuse, type Refusal } from '../errors.ts';

/** A path that can be read one way only. `encodedReserved`: but for `;`, `%2F`, `%40` and the like, of which origins make different things. */
export interface CanonicalPath {
  readonly path: string;
  readonly encodedReserved: boolean;
}

/** Segments of RFC 3986 pchar without `%` and `;`, none empty but the last, none beginning with a dot: nothing left to look at. */
const simple = /^(?:\/[\w\-~!$&'()*+,=:@][\w\-.~!$&'()*+,=:@]*)*\/?$/;
const allowed = /^\/[\w\-.~!$&'()*+,;=:@/%]*$/;
/** Also one that ends at what an origin may cut off (`..;x`), decode to a slash, or take for the end of the path. */
const dotSegment = /(?:\/|%2F)\.{1,2}(?:[/;]|%(?:2[3F]|3[BF])|$)/i;
const reserved = /%(?:2[13-46-9A-CF]|3[ABDF]|40|5B|5D)/;
const unreserved = /%(?:2[DE]|3\d|4[1-9A-F]|5[\dAF]|6[1-9A-F]|7[\dAE])/;

/**
 * Checks and canonicalises a path (RFC 3986 §6.2.2; hex digits in upper case). Refuses what an origin could read as another path: dot segments,
 * empty segments, backslash, controls, encoded unreserved characters, doubled encoding, and octets that are not UTF-8.
 */
export function canonicalPath(raw: string): CanonicalPath | Refusal {
  if (simple.test(raw)) return { path: raw, encodedReserved: false };
  if (!allowed.test(raw)) return ambiguous('it has a character that must be percent-encoded');
  if (raw.includes('//')) return ambiguous('it has an empty segment ("//")');
  if (dotSegment.test(raw)) return ambiguous('it has a dot segment');
  if (!raw.includes('%')) return { path: raw, encodedReserved: raw.includes(';') };
  return canonicalEscapes(raw);
}

/** Checks the query (without reading it): printable ASCII, valid escapes, no fragment. `raw` with its leading `?`, or ''. */
export function checkedQuery(raw: string): string | Refusal {
  if (raw === '' || /^\?[\w\-.~!$&'()*+,=:@/?]*$/.test(raw)) return raw;
  if (!/^\?[!$-[\]_`a-z{|}~^]*$/.test(raw)) return ambiguous('the query has a character that must be percent-encoded');
  if (raw.includes(';')) return ambiguous('some origins read ";" in a query as "&"; write it as %3B');
  if (/%(?![\dA-Fa-f]{2})/.test(raw)) return ambiguous('the query has an incomplete percent-escape');
  if (/%(?:00|0[AaDd])/.test(raw)) return ambiguous('the query has an encoded control character');
  return raw;
}

function canonicalEscapes(raw: string): CanonicalPath | Refusal {
  if (/%(?![\dA-Fa-f]{2})/.test(raw)) return ambiguous('it has an incomplete percent-escape');
  const path = raw.replaceAll(/%[\dA-Fa-f]{2}/g, (escape) => escape.toUpperCase());
  if (/%(?:[01][\dA-F]|7F)/.test(path)) return ambiguous('it has an encoded control character');
  if (/%5C/.test(path)) return ambiguous('it has an encoded backslash');
  if (/%25[\dA-Fa-f]{2}/.test(path)) return ambiguous('it is percent-encoded twice');
  if (unreserved.test(path)) return ambiguous('it encodes a character that needs no encoding');
  try {
    decodeURIComponent(path);
  } catch {
    return ambiguous('it holds octets that are not UTF-8');
  }
  return { path, encodedReserved: path.includes(';') || reserved.test(path) };
}

function ambiguous(why: string): Refusal {
  return refuse('ambiguous_path', { detail: `The path or query can be read in two ways: ${why}. Send it in its plain, normalised form.` });
}
