import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ExeatError } from '../errors.ts';

/** How to read a body in one content coding. */
export interface Decoding {
  /** A body that is there as a whole. Throws when it is broken, or becomes longer than that. */
  whole(body: Uint8Array, options: { readonly maxOutputLength: number }): Buffer;
  /** For a body that begins with this byte. */
  stream(first: number): Transform;
}

const gzip: Decoding = { whole: zlib.gunzipSync, stream: () => zlib.createGunzip() };

/** A frame may want a window of 8 MiB (RFC 9659 §3); the library would give each answer 128. */
const zstd = { params: { [zlib.constants.ZSTD_d_windowLogMax]: 23 } };

/** RFC 9110 §8.4.1, RFC 7932, RFC 8878. */
const decodings: Readonly<Record<string, Decoding>> = {
  gzip,
  'x-gzip': gzip,
  // Some servers leave the zlib wrapper out. Its first byte ends in 8, which raw deflate never begins with.
  deflate: {
    whole: (body, options) => (isZlib(body[0]) ? zlib.inflateSync(body, options) : zlib.inflateRawSync(body, options)),
    stream: (first) => (isZlib(first) ? zlib.createInflate() : zlib.createInflateRaw()),
  },
  br: { whole: zlib.brotliDecompressSync, stream: () => zlib.createBrotliDecompress() },
  zstd: {
    whole: (body, options) => zlib.zstdDecompressSync(body, { ...zstd, ...options }),
    stream: () => zlib.createZstdDecompress(zstd),
  },
};

/** How to read what has this `Content-Encoding`; undefined: it is not coded. Throws when it cannot be read, several codings included. */
export function decodingBy(contentEncoding: string): Decoding | undefined {
  const coding = contentEncoding.trim().toLowerCase();
  if (coding === '' || coding === 'identity') return undefined;
  const decoding = Object.hasOwn(decodings, coding) ? decodings[coding] : undefined;
  if (decoding === undefined) throw new ExeatError('coding_unreadable');
  return decoding;
}

const remembered = new Map<string, string>();
/** Agents choose the values: what is remembered has a bound. */
const maxRemembered = 256;

/** Of an `Accept-Encoding` (RFC 9110 §12.5.3), the codings that can be read; `identity` if there are none. */
export function readableCodings(acceptEncoding: string): string {
  const known = remembered.get(acceptEncoding);
  if (known !== undefined) return known;
  const kept = acceptEncoding.split(',').filter((item) => {
    const [coding = '', weight = ''] = item.toLowerCase().split(';', 2);
    const name = coding.trim();
    return name === 'identity' || Object.hasOwn(decodings, name) || (name === '*' && /^\s*q=0(?:\.0*)?\s*$/.test(weight));
  });
  const readable = kept.length === 0 ? 'identity' : kept.join(',').trim();
  if (remembered.size >= maxRemembered) remembered.clear();
  remembered.set(acceptEncoding, readable);
  return readable;
}

function isZlib(first: number | undefined): boolean {
  return ((first ?? 0) & 0x0f) === 8;
}
