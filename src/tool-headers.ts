import type { JsonObject, JsonValue } from './json-value.ts';

/** Of the arguments of a tool, those that are mirrored in a field `Mcp-Param-NAME`: where each stands, by NAME in lower case. */
export type MirroredArguments = ReadonlyMap<string, readonly string[]>;

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const scalars: ReadonlySet<JsonValue | undefined> = new Set(['string', 'integer', 'boolean']);

/** As the input schema says it (`x-mcp-header`, MCP 2026-07-28): on scalars, down through `properties`. undefined: it says it wrongly. */
export function mirroredArguments(inputSchema: JsonValue | undefined): MirroredArguments | undefined {
  const found = new Map<string, readonly string[]>();
  return collect(inputSchema, { path: [], found }) ? found : undefined;
}

/** An argument, wherever it stands; undefined: it is not there, or nothing that can be mirrored. */
export function argumentAt(given: JsonObject, path: readonly string[]): string | number | boolean | undefined {
  let value: JsonValue | undefined = given;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value === null || typeof value === 'object' ? undefined : value;
}

function collect(
  schema: JsonValue | undefined,
  { path, found }: { readonly path: readonly string[]; readonly found: Map<string, readonly string[]> },
): boolean {
  if (!isObject(schema)) return true;
  const { properties, type, 'x-mcp-header': header } = schema;
  if (header !== undefined) {
    const name = typeof header === 'string' ? header.toLowerCase() : '';
    if (!token.test(name) || found.has(name) || !scalars.has(type)) return false;
    found.set(name, path);
  }
  if (!isObject(properties)) return true;
  return Object.entries(properties).every(([name, inside]) => collect(inside, { path: [...path, name], found }));
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
