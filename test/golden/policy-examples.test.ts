import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { openBench } from '../../src/review/bench.ts';
import { coverageOf } from '../../src/review/coverage.ts';
import { readFixtures, runFixture, type FixtureResult } from '../../src/review/fixtures.ts';

const root = new URL('../../', import.meta.url);
const config = parseConfig(readFileSync(new URL('config/exeat.yaml', root), 'utf8'), 'config/exeat.yaml');
const directory = new URL('config/policies', root).pathname;
const bench = openBench({ ...config, policy: { engine: 'cedar', directory } });
const results: FixtureResult[] = [];

for (const fixture of readFixtures(`${directory}/tests`)) {
  void test(`example policies: ${fixture.name}`, async () => {
    const result = await runFixture(bench, fixture);
    results.push(result);
    assert.equal(result.problem, undefined);
  });
}

test('every example policy has a fixture that it decides', () => assert.deepEqual(coverageOf(bench, results).unexercised, []));

test('the example policies give no warnings', () => assert.deepEqual(bench.policy.warnings, []));
