import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonValue } from '../../src/json-value.ts';
import { agree, mcpHeaders } from '../../src/protocol/mcp/headers.ts';
import { argumentAt, mirroredArguments } from '../../src/tool-headers.ts';

const region = { type: 'string', 'x-mcp-header': 'Region' };
const schema = {
  type: 'object',
  properties: {
    region,
    dry: { type: 'boolean', 'x-mcp-header': 'Dry' },
    in: { type: 'object', properties: { n: { type: 'integer', 'x-mcp-header': 'N' } } },
  },
};

test('a schema says which arguments are mirrored, and where they stand', () => {
  assert.deepEqual(
    [...(mirroredArguments(schema) ?? [])],
    [
      ['region', ['region']],
      ['dry', ['dry']],
      ['n', ['in', 'n']],
    ],
  );
  assert.equal(argumentAt({ in: { n: 7 } }, ['in', 'n']), 7);
  for (const given of [{}, { in: null }, { in: { n: null } }, { in: { n: {} } }]) assert.equal(argumentAt(given, ['in', 'n']), undefined);
});

test('a schema that says it wrongly is found out', () => {
  const wrong: JsonValue[] = [{ a: region, b: { ...region, 'x-mcp-header': 'REGION' } }];
  for (const header of ['', 'a b', 'a:', 7]) wrong.push({ a: { type: 'string', 'x-mcp-header': header } });
  for (const type of ['number', 'object', 'array', ['string', 'null']]) wrong.push({ a: { type, 'x-mcp-header': 'A' } });
  for (const properties of wrong) assert.equal(mirroredArguments({ properties }), undefined, JSON.stringify(properties));
});

const mirrors = mirroredArguments(schema);
const given = { region: 'eu', dry: true, in: { n: 7 }, note: 'us' };
const complete = ['Mcp-Method', 'tools/call', 'Mcp-Name', 'deploy', 'Mcp-Param-Region', 'eu', 'Mcp-Param-Dry', 'true', 'mcp-param-n', '7'];

function agrees(headers: readonly string[], args: typeof given | object = given, isComplete = true): boolean {
  const read = mcpHeaders(headers);
  const body = { method: 'tools/call', name: { value: 'deploy', required: true }, arguments: args as typeof given, mirrors };
  return read !== undefined && agree(read, body, { complete: isComplete });
}

test('of a tool that is known each mirrored argument stands in its own field', () => {
  assert.equal(agrees(complete), true);
  assert.equal(agrees(complete.slice(0, -2)), false, 'one is missing');
  assert.equal(agrees(complete.slice(0, -2), given, false), true, 'no field is required in the sessions era');
  assert.equal(agrees(complete.with(5, 'us')), false, 'what another argument says');
  assert.equal(agrees([...complete, 'Mcp-Param-Note', 'us']), false, 'an argument that is not mirrored');
  assert.equal(agrees(complete, { ...given, dry: null }), false, 'one that is null has no field');
  assert.equal(agrees(complete.toSpliced(6, 2), { ...given, dry: null }), true);
});

test('a field is spelt in one way', () => {
  const says = (value: string): boolean => agrees(complete.with(5, value), { ...given, region: 'é' });
  assert.equal(says('=?base64?w6k=?='), true);
  for (const value of ['=?base64?w6k?=', '=?BASE64?w6k=?=', '=?base64?w6k=?= ', 'é', '=?base64?6Q==?=', '=?base64?!!?='])
    assert.equal(says(value), false, value);
  assert.equal(agrees(['Mcp-Method', 'tools/call', 'Mcp-Name', '=?base64?!!!?='], {}), false);
});
