import type { Credential } from '../credentials/credential.ts';

/** Text to look for, a byte a character, and how each of its characters may be written. */
export interface Needle {
  readonly text: string;
  readonly ways: (character: string) => Ways;
  readonly base64: boolean;
}

/** The ways to write one character, the plain one first, as bytes in a string. */
export interface Ways {
  readonly all: readonly string[];
  /** One of them begins like another, so that the first that fits need not be the one. */
  readonly ambiguous: boolean;
}

/** Shorter secrets are not looked for: they would be found where they are not meant. */
const shortestSecret = 8;

/** No way to write a character is longer. */
export const longestWay = 6;

/** All that gives a credential away when it is echoed: each of its secrets, plain or escaped where needed, percent-encoded as a whole, and inside base64 text at any of the three offsets. */
export function needlesOf(credential: Credential): readonly Needle[] {
  const secrets = new Set(credential.headers.flatMap(([name, value]) => secretsIn(name, value.reveal())).flatMap(inBothEncodings));
  return [...secrets]
    .filter((secret) => secret.length >= shortestSecret)
    .flatMap((text) => [
      { text, ways: waysOf, base64: false },
      { text, ways: waysInPercent, base64: false },
      ...[0, 1, 2].map((offset) => ({ text: insideBase64(text, offset), ways: waysInBase64, base64: true })),
    ]);
}

/** Of a field's value: what follows the scheme, named parts of it that hold a secret, and what Basic credentials are made of (RFC 7617 §2). */
function secretsIn(name: string, value: string): string[] {
  if (name === 'cookie') return [value, ...value.split(/; */).map((pair) => pair.slice(pair.indexOf('=') + 1))];
  const [, scheme = '', rest = ''] = /^([\w!#$%&'*+.^`|~-]+) +(\S.*)$/.exec(value) ?? [];
  if (rest === '') return [value];
  const named = [...rest.matchAll(/\b(?:token|key|secret|password|auth)="?([^",;\s]+)/gi)].map((match) => match[1] ?? '');
  if (name !== 'authorization' && name !== 'proxy-authorization') return [value, rest, ...named];
  if (scheme.toLowerCase() !== 'basic') return [rest, ...named];
  const pair = Buffer.from(rest, 'base64').toString('latin1');
  const [, user = '', password = ''] = /^([^:]*):([^]*)$/.exec(pair) ?? [];
  return [rest, pair, noPassword.test(password) ? user : password];
}

/** Beyond ASCII also what its characters are in UTF-8, and what they were if they are UTF-8: it is one or the other that an encoder begins with. */
function inBothEncodings(text: string): string[] {
  if (!/[\x80-\xff]/.test(text)) return [text];
  const read = Buffer.from(text, 'latin1').toString();
  return [text, Buffer.from(text).toString('latin1'), ...(/^[\0-\xff]*$/.test(read) ? [read] : [])];
}

/** What services have clients send as the password when the user name is the key. */
const noPassword = /^(?:x|x-oauth-basic|api_token)?$/i;

/** The characters that the text alone decides; those that it shares with its neighbours tell at most four bits of it on either side. */
function insideBase64(text: string, offset: number): string {
  const coded = Buffer.from('\0'.repeat(offset) + text, 'latin1').toString('base64');
  return coded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + text.length) * 8) / 6));
}

/** Plain; where some encoder would do so percent-encoded or escaped for JSON or HTML; beyond ASCII also in UTF-8. */
const waysOf = remembering((character) => {
  if (/[a-z0-9]/i.test(character)) return [character];
  const utf8 = Buffer.from(character).toString('latin1');
  return [...new Set([character, utf8, ...percent(character), ...escapes(character)])];
});

const waysInPercent = remembering(percent);

/** The two alphabets differ in two characters, and only these need escaping. */
const waysInBase64 = remembering((character) => {
  const other = { '+': '-', '/': '_' }[character];
  return other === undefined ? [character] : [character, other, ...waysOf(character).all.slice(1)];
});

function percent(character: string): string[] {
  const utf8 = Buffer.from(character).toString('latin1');
  return [...new Set([character, utf8].flatMap((bytes) => bothCases(bytes.replaceAll(/[^]/g, (byte) => `%${hex(byte)}`))))];
}

function escapes(character: string): string[] {
  const code = hex(character);
  const named = { '"': ['quot'], '&': ['amp'], '<': ['lt'], '>': ['gt'], "'": ['apos', '#039'] }[character] ?? [];
  return [
    ...bothCases(code).map((digits) => `\\u00${digits}`),
    ...('"\'\\/'.includes(character) ? [`\\${character}`] : []),
    ...(character === ' ' ? ['+'] : []),
    ...[`#${character.charCodeAt(0)}`, ...bothCases(code).map((digits) => `#x${digits}`), ...named].map((name) => `&${name};`),
  ];
}

function hex(byte: string): string {
  return byte.charCodeAt(0).toString(16).padStart(2, '0');
}

function bothCases(text: string): string[] {
  return [text.toUpperCase(), text];
}

function remembering(make: (character: string) => string[]): Needle['ways'] {
  const known = new Map<string, Ways>();
  return (character) => {
    const before = known.get(character);
    if (before !== undefined) return before;
    const all = make(character);
    const ways = { all, ambiguous: all.some((way) => all.some((other) => other !== way && other.startsWith(way))) };
    known.set(character, ways);
    return ways;
  };
}
