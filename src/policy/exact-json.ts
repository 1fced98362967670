/** A number as it was written. */
interface RawNumber {
  readonly rawJSON: string;
}

/** JSON without loss: numbers keep their text. */
type Exact = string | boolean | null | RawNumber | readonly Exact[] | { readonly [member: string]: Exact };

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;
const lossless = JSON as unknown as { rawJSON(text: string): RawNumber; isRawJSON(value: unknown): boolean };
const keepNumbers: Reviver = (_key, value, { source }) => (typeof value === 'number' ? lossless.rawJSON(source ?? '') : value);

export function parseExact(text: string): Exact {
  return JSON.parse(text, keepNumbers as (key: string, value: unknown) => unknown) as Exact;
}

/** The text whose digest OPA signs: no white space, members by their UTF-8 octets, numbers as they were written. */
export function canonicalText(value: Exact): string {
  if (typeof value === 'string') return textOf(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isRaw(value)) return value.rawJSON;
  if (isList(value)) return `[${value.map(canonicalText).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${members.map(([name, inside]) => `${textOf(name)}:${canonicalText(inside)}`).join(',')}}`;
}

/** Go escapes the two line separators. */
function textOf(value: string): string {
  return JSON.stringify(value.toWellFormed()).replace(/[\u2028\u2029]/g, (found) => `\\u${found.charCodeAt(0).toString(16)}`);
}

function isRaw(value: object): value is RawNumber {
  return lossless.isRawJSON(value);
}

function isList(value: object): value is readonly Exact[] {
  return Array.isArray(value);
}
