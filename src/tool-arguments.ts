import type { ArgumentType, Destination, PinnedTool } from './destination.ts';
import { refuse, type Refusal } from './errors.ts';
import type { JsonObject, JsonValue } from './json-value.ts';

/** The one table from JSON to what policy sees: by what a schema says, whether a value is of it, and how it is shown. */
interface Row {
  /** The value is one that the schema allows. */
  is(value: JsonValue): boolean;
  /** The value as policy sees it; undefined: it cannot be shown exactly. */
  show(value: JsonValue): ShownArgument | undefined;
}

/** A decimal is shown in Cedar's own notation. */
export type ShownArgument = string | boolean | number | readonly string[] | readonly number[];

const isText = (value: JsonValue): value is string => typeof value === 'string';
const isInteger = (value: JsonValue): value is number => Number.isSafeInteger(value);
const same = (value: JsonValue): ShownArgument => value as ShownArgument;

const rows: Readonly<Record<ArgumentType, Row>> = {
  String: { is: isText, show: same },
  Bool: { is: (value) => typeof value === 'boolean', show: same },
  Long: { is: isInteger, show: same },
  Decimal: { is: (value) => typeof value === 'number', show: decimalOf },
  Strings: { is: (value) => Array.isArray(value) && value.every(isText), show: same },
  Longs: { is: (value) => Array.isArray(value) && value.every(isInteger), show: same },
};

/** What policy is shown of an argument, by its type; undefined: absent. `null` is absence. */
export function shownArgument(value: JsonValue | undefined, type: ArgumentType): ShownArgument | undefined {
  if (value === undefined || value === null) return undefined;
  // Tools that disagree about an argument share its text.
  if (type === 'String' && typeof value !== 'object') return typeof value === 'number' ? numberText(value) : String(value);
  return rows[type].is(value) ? rows[type].show(value) : undefined;
}

/** Refuses arguments that the reviewed definition does not have, or has as another type; `opaque`: policy cannot see all of them. */
export function checkArguments(tool: PinnedTool, given: JsonObject, passesUndeclared: boolean): { readonly opaque: boolean } | Refusal {
  let opaque = false;
  for (const [name, value] of Object.entries(given)) {
    if (!tool.arguments.has(name)) {
      if (!passesUndeclared) return refuse('arguments_refused');
      opaque = true;
      continue;
    }
    if (value === null) continue;
    const type = tool.arguments.get(name);
    if (type === undefined) opaque = true;
    // Left out, it would be taken for absent by policies, and for whatever it can be read as by the tool.
    else if (shownArgument(value, type) === undefined) return refuse('arguments_refused');
  }
  return { opaque };
}

/** As what each declared argument of a JSON Schema is shown; undefined: nested, of several types, or by reference. */
export function argumentTypes(inputSchema: JsonValue | undefined): Map<string, ArgumentType | undefined> {
  const properties = isObject(inputSchema) ? inputSchema['properties'] : undefined;
  if (!isObject(properties)) return new Map();
  // Names with two leading underscores are Cedar's own.
  return new Map(Object.entries(properties).map(([name, schema]) => [name, name.startsWith('__') ? undefined : typeOf(schema)]));
}

/** One name, one type for all policies: where tools disagree, scalars are shown as text, and the rest not at all. */
export function agreeOnArguments(destinations: readonly Destination[]): Destination[] {
  const agreed = new Map<string, ArgumentType | undefined>();
  for (const { tools } of destinations) {
    for (const tool of tools?.values() ?? []) {
      for (const [name, type] of tool.arguments)
        if (type !== undefined) agreed.set(name, agreed.has(name) ? both(agreed.get(name), type) : type);
    }
  }
  const asAgreed = (tool: PinnedTool): PinnedTool => ({
    ...tool,
    arguments: new Map([...tool.arguments].map(([name, type]) => [name, type && agreed.get(name)])),
  });
  return destinations.map((destination) => {
    const { tools } = destination;
    return tools === undefined ? destination : { ...destination, tools: new Map([...tools].map(([name, tool]) => [name, asAgreed(tool)])) };
  });
}

function both(one: ArgumentType | undefined, other: ArgumentType): ArgumentType | undefined {
  if (one === other) return one;
  return one === undefined || isSet(one) || isSet(other) ? undefined : 'String';
}

function isSet(type: ArgumentType): boolean {
  return type === 'Strings' || type === 'Longs';
}

const bySchemaType: Readonly<Record<string, ArgumentType>> = { string: 'String', boolean: 'Bool', integer: 'Long', number: 'Decimal' };
const pluralOf: Readonly<Partial<Record<ArgumentType, ArgumentType>>> = { String: 'Strings', Long: 'Longs' };

function typeOf(schema: JsonValue): ArgumentType | undefined {
  if (!isObject(schema)) return undefined;
  const { type, items, anyOf, oneOf } = schema;
  const choices = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : undefined;
  if (choices !== undefined) return only(choices.filter((choice) => !isNullSchema(choice)).map(typeOf));
  if (Array.isArray(type)) return only(type.filter((each) => each !== 'null').map((each) => typeOf({ ...schema, type: each })));
  if (type === 'array') {
    const element = items === undefined ? undefined : typeOf(items);
    return element === undefined ? undefined : pluralOf[element];
  }
  return typeof type === 'string' && Object.hasOwn(bySchemaType, type) ? bySchemaType[type] : undefined;
}

function only(types: readonly (ArgumentType | undefined)[]): ArgumentType | undefined {
  return types.length === 1 ? types[0] : undefined;
}

function isNullSchema(schema: JsonValue): boolean {
  return isObject(schema) && schema['type'] === 'null';
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Cedar's decimals have one to four places and end at 922337203685477.5807; a number beyond that is not shown. */
function decimalOf(value: JsonValue): string | undefined {
  const text = numberText(value as number);
  const [, whole = '', places = '0'] = /^(-?\d{1,15})(?:\.(\d{1,4}))?$/.exec(text ?? '') ?? [];
  return whole === '' || Math.abs(Number(whole)) >= 922_337_203_685_477 ? undefined : `${whole}.${places}`;
}

/** undefined: the message may have other digits than JavaScript keeps. */
function numberText(value: number): string | undefined {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return undefined;
  return Object.is(value, -0) ? '0' : String(value);
}
