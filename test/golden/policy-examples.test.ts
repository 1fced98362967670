import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { destinationsOf } from '../../src/config/destinations.ts';
import { parseConfig } from '../../src/config/load.ts';
import { create } from '../../src/policy/cedar.ts';
import type { AccessRequest } from '../../src/policy/policy.ts';
import { createHttpClassifier } from '../../src/protocol/http.ts';
import { accessRequest } from '../support/policy.ts';

interface Fixture {
  /** The policy that it is about. */
  readonly of: string;
  readonly says: string;
  /** Method and URL, as the destination would see them. */
  readonly call: string;
  readonly intent: string;
  readonly attested?: boolean;
  readonly origin?: AccessRequest['task']['origin'];
  readonly planned?: boolean;
  readonly time?: string;
  readonly allow: boolean;
  readonly by: readonly string[];
}

const root = new URL('../../', import.meta.url);
const fixtures = JSON.parse(readFileSync(new URL('test/golden/policy/examples.json', root), 'utf8')) as readonly Fixture[];
const config = parseConfig(readFileSync(new URL('config/exeat.yaml', root), 'utf8'), 'config/exeat.yaml');
const destinations = destinationsOf(config);
const classifier = createHttpClassifier(destinations);
const directory = new URL('config/policies', root).pathname;
const policy = create({ engine: 'cedar', directory }, { destinations, intents: config.intents });

for (const fixture of fixtures) {
  void test(`example policies: ${fixture.says}`, () => {
    const { allow, policies, error } = policy.decide(requestOf(fixture));
    assert.deepEqual({ allow, policies, error }, { allow: fixture.allow, policies: fixture.by, error: undefined });
  });
}

test('every example policy has a fixture that it decides, and one that it leaves alone', () => {
  const declared = readdirSync(directory).flatMap((name) => {
    const text = readFileSync(join(directory, name), 'utf8');
    return [...text.matchAll(/@id\("([^"]+)"\)/g)].map(([, id]) => id ?? '');
  });
  assert.deepEqual([...new Set(fixtures.map(({ of }) => of))].sort(), declared.sort());
  for (const id of declared) {
    const own = fixtures.filter(({ of }) => of === id);
    assert.ok(own.some(({ by }) => by.includes(id)) && own.some(({ by }) => !by.includes(id)), id);
  }
});

test('the example policies give no warnings', () => assert.deepEqual(policy.warnings, []));

function requestOf({
  call,
  intent,
  attested = true,
  origin = 'orchestrator',
  planned = true,
  time = '2026-12-01',
}: Fixture): AccessRequest {
  const [method = '', address = ''] = call.split(' ');
  const url = new URL(address);
  const destination = destinations.find(({ hosts }) => hosts.includes(url.host));
  assert.ok(destination);
  const target = { destination, host: url.host, path: url.pathname, query: url.search };
  const operation = classifier.classify({ method, target });
  assert.ok(operation);
  return { ...accessRequest({ intent, planned, time, task: { intent, attested, origin } }), target, operation };
}
