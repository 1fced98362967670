import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configJsonSchema, schemaAt } from '../../../src/config/json-schema.ts';
import { parseConfig } from '../../../src/config/load.ts';

test('config/exeat.schema.json is the schema of the code (npm run schema writes it)', () => {
  assert.deepEqual(JSON.parse(readFileSync('config/exeat.schema.json', 'utf8')), configJsonSchema());
});

test('every key of the example is described by the schema', () => {
  const { data } = { data: parseConfig(readFileSync('config/exeat.yaml', 'utf8'), 'config/exeat.yaml') };
  for (const key of Object.keys(data)) assert.ok(schemaAt([key], data), key);
});

test('a union is described by the branch that its literal key chooses', () => {
  const input = { destinations: { a: { credential: { kind: 'static' } } } };
  assert.ok('header' in (schemaAt(['destinations', 'a', 'credential'], input)?.properties ?? {}));
});
