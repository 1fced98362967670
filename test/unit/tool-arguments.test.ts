import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArgumentType, Destination } from '../../src/destination.ts';
import { isRefusal } from '../../src/errors.ts';
import type { JsonValue } from '../../src/json-value.ts';
import { agreeOnArguments, argumentTypes, checkArguments, shownArgument } from '../../src/tool-arguments.ts';
import { destination } from '../support/policy.ts';

const schemas: readonly (readonly [schema: JsonValue, type: ArgumentType | undefined])[] = [
  [{ type: 'string' }, 'String'],
  [{ type: 'string', enum: ['a', 'b'] }, 'String'],
  [{ type: 'boolean' }, 'Bool'],
  [{ type: 'integer' }, 'Long'],
  [{ type: 'number' }, 'Decimal'],
  [{ type: ['string', 'null'] }, 'String'],
  [{ anyOf: [{ type: 'integer' }, { type: 'null' }] }, 'Long'],
  [{ oneOf: [{ type: 'boolean' }] }, 'Bool'],
  [{ type: 'array', items: { type: 'string' } }, 'Strings'],
  [{ type: 'array', items: { type: 'integer' } }, 'Longs'],
  [{ type: 'array', items: { type: 'number' } }, undefined],
  [{ type: 'array', items: { type: 'array', items: { type: 'string' } } }, undefined],
  [{ type: 'array' }, undefined],
  [{ type: ['string', 'integer'] }, undefined],
  [{ anyOf: [{ type: 'string' }, { type: 'integer' }] }, undefined],
  [{ type: 'object', properties: {} }, undefined],
  [{ $ref: '#/$defs/a' }, undefined],
  [{ type: 'toString' }, undefined],
  [{ type: 'null' }, undefined],
  [true, undefined],
  [{}, undefined],
];

test('a schema says as what policy sees an argument, or that it does not', () => {
  for (const [schema, type] of schemas) {
    const types = argumentTypes({ type: 'object', properties: { one: schema } });
    assert.deepEqual([...types], [['one', type]], JSON.stringify(schema));
  }
});

test("names that are Cedar's own are declared and not shown", () => {
  assert.deepEqual([...argumentTypes({ properties: { __entity: { type: 'string' } } })], [['__entity', undefined]]);
});

test('a schema without properties declares nothing', () => {
  for (const schema of [undefined, null, true, [], {}, { properties: [] }]) assert.equal(argumentTypes(schema).size, 0);
});

const values: readonly (readonly [type: ArgumentType, value: JsonValue, shown: unknown])[] = [
  ['String', 'a', 'a'],
  ['String', '', ''],
  ['String', 4, '4'],
  ['String', true, 'true'],
  ['String', 2 ** 53, undefined],
  ['String', ['a'], undefined],
  ['Bool', false, false],
  ['Bool', 'false', undefined],
  ['Long', 2 ** 53 - 1, 2 ** 53 - 1],
  ['Long', 2 ** 53, undefined],
  ['Long', 1.5, undefined],
  ['Long', '1', undefined],
  ['Decimal', 1.5, '1.5'],
  ['Decimal', -3, '-3.0'],
  ['Decimal', 0.0001, '0.0001'],
  ['Decimal', 0.00001, undefined],
  ['Decimal', 1e21, undefined],
  ['Decimal', 922_337_203_685_477, undefined],
  ['Decimal', '1.5', undefined],
  ['Strings', [], []],
  ['Strings', ['a', 'b'], ['a', 'b']],
  ['Strings', ['a', 1], undefined],
  ['Strings', 'a', undefined],
  ['Longs', [1, 2], [1, 2]],
  ['Longs', [1.5], undefined],
  ['String', null, undefined],
];

test('a value is shown exactly, or not at all', () => {
  for (const [type, value, shown] of values) assert.deepEqual(shownArgument(value, type), shown, `${type} ${JSON.stringify(value)}`);
});

const tool = {
  digest: '',
  arguments: argumentTypes({ properties: { path: { type: 'string' }, size: { type: 'integer' }, filter: { type: 'object' } } }),
};

function checked(given: Record<string, JsonValue>, passesUndeclared = false): string {
  const result = checkArguments(tool, given, passesUndeclared);
  return isRefusal(result) ? result.refused : result.opaque ? 'opaque' : 'seen';
}

test('arguments are refused when the reviewed definition does not have them, or has them as another type', () => {
  assert.equal(checked({ path: '/a', size: 1 }), 'seen');
  assert.equal(checked({ path: '/a', size: null }), 'seen');
  assert.equal(checked({}), 'seen');
  assert.equal(checked({ path: '/a', Path: '/b' }), 'arguments_refused');
  assert.equal(checked({ size: '9999' }), 'arguments_refused');
  assert.equal(checked({ constructor: 'a' }), 'arguments_refused');
  assert.equal(checked({ path: ['/a'] }), 'arguments_refused');
});

test('an argument that cannot be shown makes the call opaque', () => {
  assert.equal(checked({ path: '/a', filter: { size: 1 } }), 'opaque');
  assert.equal(checked({ path: '/a', more: 1 }, true), 'opaque');
});

test('tools that disagree about an argument show its text, and what has none is not shown', () => {
  const agreed = agreeOnArguments([
    withTool('one', { id: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } }, size: { type: 'integer' } }),
    withTool('two', { id: { type: 'string' }, tags: { type: 'string' }, size: { type: 'integer' } }),
    destination('three'),
  ]);
  for (const { tools } of agreed.slice(0, 2)) {
    assert.deepEqual(
      [...(tools?.get('t')?.arguments ?? [])],
      [
        ['id', 'String'],
        ['tags', undefined],
        ['size', 'Long'],
      ],
    );
  }
});

function withTool(name: string, properties: JsonValue): Destination {
  return destination(name, { protocol: 'mcp', tools: new Map([['t', { digest: '', arguments: argumentTypes({ properties }) }]]) });
}
