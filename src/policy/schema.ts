import type { EntityType, SchemaJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Destination } from '../destination.ts';
import { messageActions, type ActionGroup } from '../protocol/operation.ts';
import { attributesFor, type Attribute } from './attributes.ts';

/** The closed sets that policies are written against, and the Cedar schema that says the same. */
export interface Vocabulary {
  readonly destinations: readonly Destination[];
  readonly attributes: readonly Attribute[];
  /** Ids by entity type; agents are not enumerated. */
  readonly entities: ReadonlyMap<string, ReadonlySet<string>>;
  readonly schema: SchemaJson<string>;
}

/** What stands between `Agent::` and its like. */
export const entityTypes = ['Agent', 'Destination', 'Intent', 'Endpoint', 'Action'] as const;

/** HTTP methods that policy knows, and `connect`, with their groups. Any other method is in no policy's reach, and so is denied. */
export const methodGroups: ReadonlyMap<string, 'read' | 'write' | 'connect'> = new Map([
  ['connect', 'connect'],
  ['GET', 'read'],
  ['HEAD', 'read'],
  ['OPTIONS', 'read'],
  ['PUT', 'write'],
  ['POST', 'write'],
  ['PATCH', 'write'],
  ['DELETE', 'write'],
]);

/** The action of calls that create standing access, whatever their method; in neither group. */
export const mint = 'mint';

/** Actions that are no methods, and the group that each is in. */
const ownActions: ReadonlyMap<string, 'read' | 'write' | undefined> = new Map([
  [mint, undefined],
  ['websocket', 'write'],
  ['call_method', 'write'],
  ...messageActions,
]);

/** This group of an operation is the action of its calls, whatever their method. */
export function isAction(group: ActionGroup): boolean {
  return ownActions.has(group);
}

/** What stands for this action beside itself, in heads that say `in`. */
export function groupOf(action: string): string | undefined {
  return methodGroups.get(action) ?? ownActions.get(action);
}

/** Actions that stand for others: calls are in them, and none is one of them. */
export const actionGroups: readonly string[] = ['read', 'write'];

/** Makes the vocabulary from the config's destinations and intents. */
export function vocabularyOf(destinations: readonly Destination[], intents: readonly string[]): Vocabulary {
  const attributes = attributesFor(
    parametersOf(destinations),
    destinations.flatMap(({ tools }) => [...(tools?.values() ?? [])]),
  );
  return {
    destinations,
    attributes,
    entities: new Map([
      ['Destination', new Set(destinations.map(({ name }) => name))],
      ['Intent', new Set(intents)],
      [
        'Endpoint',
        new Set(destinations.flatMap((destination) => resourcesOf(destination).map((resource) => endpointId(destination.name, resource)))),
      ],
      ['Action', new Set([...methodGroups.keys(), ...actionGroups, ...ownActions.keys()])],
    ]),
    schema: schemaOf(destinations, { intents, attributes }),
  };
}

/** What policies can name inside of a destination: its path templates, and its reviewed tools. */
function resourcesOf({ operations, tools }: Pick<Destination, 'operations' | 'tools'>): readonly string[] {
  return tools === undefined ? operations : [...operations, ...tools.keys()];
}

/** Those of the table that calls with this action have. */
function attributesOf(action: string, attributes: readonly Attribute[]): readonly Attribute[] {
  return attributes.filter(({ actions }) => actions?.has(action) !== false);
}

/** The Cedar id of an operation's resource; all paths without a template are one, since no policy can name them. */
export function endpointId(destination: string, template: string | undefined): string {
  return `${destination} ${template ?? '*'}`;
}

/** The parameters that paths of these destinations can have. Names with two leading underscores are Cedar's own and stay out of sight. */
export function parametersOf(destinations: readonly Destination[]): readonly string[] {
  const templates = destinations.flatMap(({ operations }) => operations);
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
  const inContext = attributes.filter(({ path }) => path[0] === 'context');
  const common = recordOf(
    inContext.filter(({ actions: only }) => only === undefined),
    1,
  );
  const contextOf = (action: string) =>
    inContext.some((attribute) => attribute.actions?.has(action) === true) ? recordOf(attributesOf(action, inContext), 1) : common;
  const appliesTo = (action: string) => ({ principalTypes: ['Agent'], resourceTypes: ['Endpoint'], context: contextOf(action) });
  const memberOf = (group = '') => (actionGroups.includes(group) ? { memberOf: [{ id: group }] } : {});
  const actions = [...methodGroups, ...ownActions].map(
    ([name, group]) => [name, { appliesTo: appliesTo(name), ...memberOf(group) }] as const,
  );
  return {
    '': {
      entityTypes: {
        Agent: { shape: record('principal') },
        Destination: enumerated(destinations.map(({ name }) => name)),
        Intent: enumerated(intents),
        Endpoint: { memberOfTypes: ['Destination'], shape: record('resource') },
      },
      actions: { ...Object.fromEntries(actionGroups.map((group) => [group, {}])), ...Object.fromEntries(actions) },
    },
  };
}

/** Cedar knows no empty enumeration; one with a name that nothing has stands for "none". */
function enumerated(names: readonly string[]): EntityType<string> {
  return { enum: names.length === 0 ? [''] : [...names] };
}

const cedarTypes = {
  String: { type: 'String' },
  Bool: { type: 'Boolean' },
  Long: { type: 'Long' },
  Decimal: { type: 'Extension', name: 'decimal' },
  Longs: { type: 'Set', element: { type: 'Long' } },
  Set: { type: 'Set', element: { type: 'String' } },
  Intent: { type: 'Entity', name: 'Intent' },
  Time: { type: 'Extension', name: 'datetime' },
} as const;

interface RecordShape {
  type: 'Record';
  attributes: Record<string, { required: boolean } & (RecordShape | (typeof cedarTypes)[Attribute['type']])>;
}

function recordOf(attributes: readonly Attribute[], depth: number): RecordShape {
  const byName = Map.groupBy(attributes, ({ path }) => path[depth] ?? '');
  const fields = [...byName].map(([name, inside]) => {
    const leaf = inside.find(({ path }) => path.length === depth + 1);
    return [name, leaf ? { ...cedarTypes[leaf.type], required: !leaf.optional } : { ...recordOf(inside, depth + 1), required: true }];
  });
  return { type: 'Record', attributes: Object.fromEntries(fields) };
}
