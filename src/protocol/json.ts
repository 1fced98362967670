import type { JsonObject, JsonValue } from '../json-value.ts';

const deepest = 100;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON that has one reading only (RFC 8259 §4, RFC 7493): UTF-8 without a byte order mark, one value, no member name twice in an object, no
 * lone surrogates, no number that is infinite here, at most 100 levels deep. undefined: it is not that.
 */
export function parseJson(bytes: Uint8Array): JsonValue | undefined {
  let text: string;
  let value: JsonValue;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
  const members = membersIn(value, 0);
  // Of a name that stands twice the parser keeps one member.
  return members === colonsIn(text) ? value : undefined;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A body that is JSON by its content type, and in no content coding; `headers` flat. */
export function isPlainJson(headers: readonly string[], mediaType = json): boolean {
  const types: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]?.toLowerCase();
    if (name === 'content-encoding') return false;
    if (name === 'content-type') types.push(headers[i + 1] ?? '');
  }
  const [type = ''] = types;
  return types.length === 1 && mediaType.test(type) && isUtf8(type);
}

const json = /^application\/json *(?:;|$)/i;

/** JSON is UTF-8 (RFC 8259 §8.1); a parameter that names another charset would be believed by some. */
function isUtf8(contentType: string): boolean {
  const charsets = [...contentType.toLowerCase().matchAll(/charset\s*=\s*([^;]*)/g)];
  return charsets.every(([, charset = '']) => /^"?utf-?8"?\s*$/.test(charset));
}

/** How many members all objects have together; NaN where a value is not allowed. */
function membersIn(value: JsonValue, depth: number): number {
  if (typeof value === 'string') return value.isWellFormed() ? 0 : Number.NaN;
  if (typeof value === 'number') return Number.isFinite(value) ? 0 : Number.NaN;
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === deepest) return Number.NaN;
  let members = 0;
  if (!isObject(value)) {
    for (const element of value) members += membersIn(element, depth + 1);
    return members;
  }
  for (const name of Object.keys(value)) {
    if (!name.isWellFormed()) return Number.NaN;
    members += 1 + membersIn(value[name] ?? null, depth + 1);
  }
  return members;
}

const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;

/** How many members the text of valid JSON writes: colons outside of strings. */
function colonsIn(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === colon) colons += 1;
    else if (code === quote) at = endOfString(text, at);
  }
  return colons;
}

/** Where the string that begins here ends: its closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
}
