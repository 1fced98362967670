import type { JsonObject, JsonValue } from '../../json-value.ts';
import { argumentAt, type MirroredArguments } from '../../tool-headers.ts';
import { isPlainJson } from '../json.ts';

/** The header fields of one request that MCP gives a meaning; each stands once at most. */
export interface McpHeaders {
  readonly version: string | undefined;
  readonly session: string | undefined;
  readonly method: string | undefined;
  readonly name: string | undefined;
  /** `Mcp-Param-*`, names in lower case. */
  readonly params: ReadonlyMap<string, string>;
  /** The body is JSON, as it stands. */
  readonly json: boolean;
}

const longestSession = 512;
const paramPrefix = 'mcp-param-';

/** undefined: a field stands twice, or a session id is none. */
export function mcpHeaders(headers: readonly string[]): McpHeaders | undefined {
  const found = new Map<string, string>();
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]?.toLowerCase() ?? '';
    if (!name.startsWith('mcp-')) continue;
    if (found.has(name)) return undefined;
    found.set(name, headers[i + 1] ?? '');
  }
  const session = found.get('mcp-session-id');
  if (session !== undefined && !isSession(session)) return undefined;
  return {
    version: found.get('mcp-protocol-version'),
    session,
    method: found.get('mcp-method'),
    name: found.get('mcp-name'),
    params: new Map([...found].filter(([name]) => name.startsWith(paramPrefix))),
    json: isPlainJson(headers),
  };
}

export function isSession(text: string): boolean {
  return text.length <= longestSession && /^[\x21-\x7e]+$/.test(text);
}

/** What a mirrored field says (MCP 2026-07-28); undefined: it is not encoded as it should be. */
function mirrored(field: string): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(field)?.[1];
  if (encoded === undefined) return /^[\x20-\x7e]*$/.test(field) && field === field.trim() ? field : undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  // One spelling only.
  return Buffer.from(text).toString('base64') === encoded ? text : undefined;
}

/** What the body says of what is mirrored. */
export interface Mirrored {
  readonly method: string;
  readonly name: { readonly value: string; readonly required: boolean } | undefined;
  readonly arguments: JsonObject;
  /** Which arguments of the tool are mirrored, where its definition is known. */
  readonly mirrors: MirroredArguments | undefined;
}

/** The mirrored fields say what the body says. `complete`: all that must stand there do; else what stands there is none the less true. */
export function agree({ method, name, params }: McpHeaders, body: Mirrored, { complete }: { readonly complete: boolean }): boolean {
  const says = (field: string | undefined, value: string | undefined, required: boolean): boolean =>
    field === undefined ? !(complete && required && value !== undefined) : value !== undefined && mirrored(field) === value;
  if (!says(method, body.method, true) || !says(name, body.name?.value, body.name?.required === true)) return false;
  const { mirrors } = body;
  if (mirrors === undefined) return areSaid(params, body.arguments);
  const known = [...mirrors].every(([param, path]) => says(params.get(paramPrefix + param), textAt(body.arguments, path), true));
  return known && [...params.keys()].every((field) => mirrors.has(field.slice(paramPrefix.length)));
}

/** Each `Mcp-Param-*` says what some argument says, and so nothing that the body does not: which argument is the server's to know. */
function areSaid(params: McpHeaders['params'], given: JsonObject): boolean {
  if (params.size === 0) return true;
  const said = new Set(scalarsIn(given).map(String));
  return [...params.values()].every((field) => {
    const text = mirrored(field);
    return text !== undefined && said.has(text);
  });
}

function textAt(given: JsonObject, path: readonly string[]): string | undefined {
  const value = argumentAt(given, path);
  return value === undefined ? undefined : String(value);
}

function scalarsIn(value: JsonValue): (string | number | boolean)[] {
  if (value === null) return [];
  if (typeof value !== 'object') return [value];
  return Object.values(value as Readonly<Record<string, JsonValue>>).flatMap(scalarsIn);
}
