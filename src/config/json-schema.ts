import { z } from '../settings.ts';
import { configSchema } from './schema.ts';

/** What is read of a JSON Schema node here. */
export interface JsonSchemaNode {
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly additionalProperties?: JsonSchemaNode | boolean;
  readonly items?: JsonSchemaNode;
  readonly oneOf?: readonly JsonSchemaNode[];
  readonly anyOf?: readonly JsonSchemaNode[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
}

/** JSON Schema (2020-12) of the configuration file as it is written, for editors and for CI. */
export function configJsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input' });
  return { $schema, title: 'Exeat configuration', ...schema };
}

let made: JsonSchemaNode | undefined;

/** The part of the schema that describes the value at `path` of `input`; a union's branch is chosen by its literal key. */
export function schemaAt(path: readonly PropertyKey[], input: unknown): JsonSchemaNode | undefined {
  // Made once: a file may have many mistakes.
  made ??= configJsonSchema();
  let node: JsonSchemaNode | undefined = made;
  let value = input;
  for (const segment of path) {
    node = branchFor(node, value);
    value = childOf(value, segment);
    const open: JsonSchemaNode | boolean | undefined = node?.additionalProperties;
    node =
      typeof segment === 'number' ? node?.items : (node?.properties?.[String(segment)] ?? (typeof open === 'object' ? open : undefined));
  }
  return branchFor(node, value);
}

/** The value under a key or index; undefined where there is none. */
export function childOf(value: unknown, segment: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
  return (value as Readonly<Record<PropertyKey, unknown>>)[segment];
}

function branchFor(node: JsonSchemaNode | undefined, value: unknown): JsonSchemaNode | undefined {
  const branches = node?.oneOf ?? node?.anyOf;
  if (branches === undefined) return node;
  const fits = (branch: JsonSchemaNode): boolean =>
    Object.entries(branch.properties ?? {}).some(([key, { const: literal }]) => literal !== undefined && childOf(value, key) === literal);
  // Not where a literal should have told, as in `oneOf`: there the branch stays open.
  const isObject = typeof value === 'object' && value !== null && node?.oneOf === undefined;
  return branches.find(fits) ?? (isObject ? branches.find(({ properties }) => properties !== undefined) : undefined) ?? node;
}
