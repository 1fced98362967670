import { isIP } from 'node:net';

/** DER (X.690) as far as certificates need it. */
export type Der = Buffer;

/** One element: its tag, what is in it, and all its bytes. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  explicit0: 0xa0,
  /** In a certificate: `[3] EXPLICIT`. */
  extensions: 0xa3,
} as const;

export function der(tag: number, ...parts: readonly Uint8Array[]): Der {
  const length = lengthOf(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([Buffer.from([tag, ...length]), ...parts]);
}

export function sequence(...parts: readonly Uint8Array[]): Der {
  return der(tags.sequence, ...parts);
}

/** From a dotted name such as `2.5.29.14`. */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(tags.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** A number of any size, never negative. */
export function integer(bytes: Uint8Array): Der {
  const padded = (bytes[0] ?? 0) >= 0x80 ? [Buffer.from([0]), bytes] : [bytes];
  return der(tags.integer, ...padded);
}

export function octetString(...parts: readonly Uint8Array[]): Der {
  return der(tags.octetString, ...parts);
}

/** Whole bytes, or with the last bits unused. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Der {
  return der(tags.bitString, Buffer.from([unusedBits]), bytes);
}

export const yes: Der = der(tags.boolean, Buffer.from([0xff]));

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5), to the second. */
export function time(at: number): Der {
  const text = new Date(at).toISOString().replaceAll(/\.\d+|[-:T]/g, '');
  return Number(text.slice(0, 4)) < 2050 ? der(tags.utcTime, Buffer.from(text.slice(2))) : der(tags.generalizedTime, Buffer.from(text));
}

/** An IPv4 or IPv6 address, without brackets, as 4 or 16 bytes. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The URL parser leaves one spelling: hex groups, at most one "::".
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before = [], after = []] = [head, tail ?? ''].map((text) => text.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** The elements that stand one after the other in `bytes`. Throws when they are not whole. */
export function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1] ?? 0;
    const more = short < 0x80 ? 0 : short - 0x80;
    const length = more === 0 ? short : bytes.readUIntBE(at + 2, more);
    const from = at + 2 + more;
    if (from + length > bytes.length) throw new RangeError('a DER element is longer than what holds it');
    found.push({ tag: bytes[at] ?? 0, content: bytes.subarray(from, from + length), whole: bytes.subarray(at, from + length) });
    at = from + length;
  }
  return found;
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 + bytes.length, ...bytes];
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift((rest % 128) + 128);
  return digits;
}
