import type { EntityType, SchemaJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Destination } from '../destination.ts';
import { attributesFor, type Attribute } from './attributes.ts';

/** The closed sets that policies are written against, and the Cedar schema that says the same. */
export interface Vocabulary {
  readonly destinations: readonly Destination[];
  readonly intents: readonly string[];
  /** Ids of the endpoints: `github /repos/{owner}/{repo}/issues`. */
  readonly endpoints: readonly string[];
  readonly templates: readonly string[];
  readonly attributes: readonly Attribute[];
  readonly schema: SchemaJson<string>;
}

/** HTTP methods by group; a method that is not here is in no policy's reach and so is denied. `mint` is an action of its own. */
export const actionGroups: Readonly<Record<string, string | undefined>> = {
  read: undefined,
  write: undefined,
  mint: undefined,
  GET: 'read',
  HEAD: 'read',
  OPTIONS: 'read',
  PUT: 'write',
  POST: 'write',
  PATCH: 'write',
  DELETE: 'write',
};

const groups = new Set(['read', 'write']);

/** Makes the vocabulary from the config's destinations and intents. */
export function vocabularyOf(destinations: readonly Destination[], intents: readonly string[]): Vocabulary {
  const templates = [...new Set(destinations.flatMap((destination) => destination.operations))].sort();
  const attributes = attributesFor(parametersIn(templates));
  return {
    destinations,
    intents,
    endpoints: destinations.flatMap(({ name, operations }) => operations.map((template) => endpointId(name, template))),
    templates,
    attributes,
    schema: schemaOf(destinations, { intents, attributes }),
  };
}

/** The Cedar id of an operation's resource. */
export function endpointId(destination: string, resource: string): string {
  return `${destination} ${resource}`;
}

/** Names with two leading underscores are Cedar's own in JSON, so they stay out of policy's sight. */
function parametersIn(templates: readonly string[]): readonly string[] {
  const names = templates.flatMap((template) => [...template.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name ?? ''));
  return [...new Set(names)].filter((name) => !name.startsWith('__')).sort();
}

interface Parts {
  readonly intents: readonly string[];
  readonly attributes: readonly Attribute[];
}

function schemaOf(destinations: readonly Destination[], { intents, attributes }: Parts): SchemaJson<string> {
  const record = (variable: string) =>
    recordOf(
      attributes.filter(({ path }) => path[0] === variable),
      1,
    );
  const appliesTo = { principalTypes: ['Agent'], resourceTypes: ['Endpoint'], context: record('context') };
  const action = ([name, group]: [string, string | undefined]) => [
    name,
    groups.has(name) ? {} : { appliesTo, ...(group !== undefined && { memberOf: [{ id: group }] }) },
  ];
  return {
    '': {
      entityTypes: {
        Agent: { shape: record('principal') },
        Destination: enumerated(destinations.map(({ name }) => name)),
        Intent: enumerated(intents),
        Endpoint: { memberOfTypes: ['Destination'], shape: record('resource') },
      },
      actions: Object.fromEntries(Object.entries(actionGroups).map(action)),
    },
  };
}

/** Cedar knows no empty enumeration; a type without attributes then stands for "none". */
function enumerated(names: readonly string[]): EntityType<string> {
  return names.length === 0 ? {} : { enum: [...names] };
}

type RecordShape = {
  type: 'Record';
  attributes: Record<string, { required: boolean } & (RecordShape | (typeof cedarTypes)[Attribute['type']])>;
};

const cedarTypes = {
  String: { type: 'String' },
  Bool: { type: 'Boolean' },
  Set: { type: 'Set', element: { type: 'String' } },
  Intent: { type: 'Entity', name: 'Intent' },
  Time: { type: 'Extension', name: 'datetime' },
} as const;

function recordOf(attributes: readonly Attribute[], depth: number): RecordShape {
  const byName = Map.groupBy(attributes, ({ path }) => path[depth] ?? '');
  const fields = [...byName].map(([name, inside]) => {
    const leaf = inside.find(({ path }) => path.length === depth + 1);
    return [name, leaf ? { ...cedarTypes[leaf.type], required: !leaf.optional } : { ...recordOf(inside, depth + 1), required: true }];
  });
  return { type: 'Record', attributes: Object.fromEntries(fields) };
}
