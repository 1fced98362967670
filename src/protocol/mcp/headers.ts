import type { JsonObject, JsonValue } from '../../json-value.ts';
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
    params: new Map([...found].filter(([name]) => name.startsWith('mcp-param-'))),
    json: isPlainJson(headers),
  };
}

export function isSession(text: string): boolean {
  return text.length <= longestSession && /^[\x21-\x7e]+$/.test(text);
}

/** What a mirrored field says (MCP 2026-07-28); undefined: it is not encoded as it should be. */
function mirrored(field: string): string | undefined {
  const encoded = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(field)?.[1];
  if (encoded === undefined) return /^[\x20-\x7e]*$/.test(field) && field === field.trim() ? field : undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  // One spelling only.
  return Buffer.from(text).toString('base64') === encoded ? text : undefined;
}

/** What the body says of what is mirrored. */
export interface Mirrored {
  readonly method: string;
  readonly name: { readonly value: string; readonly required: boolean } | undefined;
  readonly arguments: JsonObject | undefined;
}

/** The mirrored fields say what the body says. `complete`: all that must stand there do; else what stands there is none the less true. */
export function agree({ method, name, params }: McpHeaders, body: Mirrored, { complete }: { readonly complete: boolean }): boolean {
  if (method === undefined ? complete : mirrored(method) !== body.method) return false;
  if (name === undefined ? complete && body.name?.required === true : mirrored(name) !== body.name?.value) return false;
  return paramsAgree(params, body.arguments);
}

/** Each `Mcp-Param-*` says what some argument says, and so nothing that the body does not: which argument is the server's to know. */
function paramsAgree(params: McpHeaders['params'], given: JsonObject | undefined): boolean {
  if (params.size === 0) return true;
  const said = new Set(scalarsIn(given ?? {}).map(String));
  return [...params.values()].every((field) => {
    const text = mirrored(field);
    return text !== undefined && said.has(text);
  });
}

function scalarsIn(value: JsonValue): (string | number | boolean)[] {
  if (value === null) return [];
  if (typeof value !== 'object') return [value];
  return Object.values(value as Readonly<Record<string, JsonValue>>).flatMap(scalarsIn);
}
