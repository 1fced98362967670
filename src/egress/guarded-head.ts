import { ExeatError } from '../errors.ts';
import { decodingBy, readableCodings, type Decoding } from './content-coding.ts';
import { masked, type Form } from './masking.ts';
import type { Search } from './search.ts';

/** Fewer bytes of an answer, asked for one after the other, might each show too little of the credential to be known for a part of it: a character may take six. */
export const shortestRangeBytes = 32;

/**
 * The agent's words on how the answer may be coded and cut, which stand in the flat list at these places: made such that the answer can be
 * searched for a credential. `ranges` false: what answers has echoed it, and is asked for the whole from now on; a server may do the same by
 * ignoring `Range` (RFC 9110 §14.2).
 */
export function askSearchably(headers: string[], places: readonly number[], ranges: boolean): void {
  const nameAt = (place: number): string => (headers[place] ?? '').toLowerCase();
  const rangeAt = places.find((place) => nameAt(place) === 'range');
  const inPart = ranges && rangeAt !== undefined && isSearchable(headers[rangeAt + 1] ?? '');
  for (const place of places.toReversed()) {
    const name = nameAt(place);
    // A part of a coded body cannot be read.
    if (name === 'accept-encoding') headers[place + 1] = inPart ? 'identity' : readableCodings(headers[place + 1] ?? '');
    else if (name === 'grpc-accept-encoding') headers[place + 1] = 'identity';
    else if (!inPart) headers.splice(place, 2);
  }
}

/** One range, and one that is long enough or begins with the first byte. */
function isSearchable(range: string): boolean {
  const [, first = '', last = ''] = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(range) ?? [];
  if (first === '') return Number(last) >= shortestRangeBytes;
  return last === '' || Number(first) === 0 || Number(last) - Number(first) + 1 >= shortestRangeBytes;
}

/** How to read the body that this head announces; undefined: as it comes. Throws when it cannot be read: in an unknown coding, in several, or in parts that are of a coded whole, several, or too short. */
export function decodingOf(headers: readonly string[], status: number): Decoding | undefined {
  if (status === 204 || status === 304) return undefined;
  let coding: string | undefined;
  let contentRange = '';
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value = ''] = [headers[i], headers[i + 1]];
    if (name === 'content-encoding') coding = coding === undefined ? value : `${coding},${value}`;
    else if (name === 'content-range') contentRange = value;
    else if (name === 'grpc-encoding' && value !== 'identity') throw new ExeatError('coding_unreadable');
    else if (name === 'content-type' && status === 206 && /multipart/i.test(value)) throw new ExeatError('coding_unreadable');
  }
  const decoding = coding === undefined ? undefined : decodingBy(coding);
  if (status === 206 && (decoding !== undefined || !isSearchablePart(contentRange))) throw new ExeatError('coding_unreadable');
  return decoding;
}

/** As `isSearchable`, of what has come: a part may be asked for by other fields than `Range` (`Request-Range`, `x-ms-range`). RFC 9110 §14.4. */
function isSearchablePart(contentRange: string): boolean {
  const [, first = '', last = '', length] = /^\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)\s*$/i.exec(contentRange) ?? [];
  const bytes = Number(last) - Number(first) + 1;
  return length !== undefined && (bytes >= shortestRangeBytes || Number(first) === 0 || Number(last) + 1 === Number(length));
}

/** Masks in the list itself. `Content-Length` frames the body, whatever digits a secret is made of. */
export function maskHeaders(headers: string[], search: Search, onFound: (form: Form) => void): void {
  for (let i = 1; i < headers.length; i += 2) {
    const value = headers[i] ?? '';
    if (value.length >= search.shortestBytes && headers[i - 1] !== 'content-length') headers[i] = masked(search, value, onFound);
  }
}

const ofContent = new Set('content-md5 digest content-digest repr-digest signature signature-input accept-ranges'.split(' '));
const ofCoding = new Set('content-encoding content-length'.split(' '));

/** The head of a body that goes on decoded. A strong `ETag` stays: through here this is what its representation always looks like. `no-transform` is no reason not to search. */
export function decodedHead(headers: readonly string[]): string[] {
  return without(headers, (name) => vouchesForCoded(name) || ofCoding.has(name));
}

/** The head of an answer in which something was masked: nothing in it vouches for the content any more. */
export function maskedHead(headers: readonly string[]): string[] {
  return without(headers, vouchesFor);
}

/** A field, or a trailer, that is true of the body in its coding only. */
export function vouchesForCoded(name: string): boolean {
  return ofContent.has(name);
}

/** A field, or a trailer, that is true of the unaltered body only. */
export function vouchesFor(name: string, value: string): boolean {
  return ofContent.has(name) || name === 'unencoded-digest' || (name === 'etag' && !value.startsWith('W/'));
}

function without(headers: readonly string[], leaves: (name: string, value: string) => boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]];
    if (!leaves(name, value)) kept.push(name, value);
  }
  return kept;
}
