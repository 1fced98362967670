import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { destinationsOf } from '../../../src/config/destinations.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { starterFiles, templates } from '../../../src/config/templates/registry.ts';
import type { Template } from '../../../src/config/templates/template.ts';
import { create } from '../../../src/policy/cedar.ts';

const all = templates(Date.now());

/** Reads the files as serve would; returns the warnings about its policies. */
function load(chosen: readonly Template[]): readonly string[] {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-templates-'));
  const [config, ...policies] = starterFiles(chosen);
  const { intents, ...settings } = parseConfig(config?.text ?? '', 'exeat.yaml');
  for (const { path, text } of policies) writeFileSync(join(folder.path, basename(path)), text);
  const destinations = destinationsOf({ intents, ...settings });
  return create({ engine: 'cedar', directory: folder.path }, { destinations, intents }).warnings;
}

for (const template of all) {
  void test(`the ${template.name} template passes the checks by itself`, () => {
    assert.deepEqual(load([template]), []);
  });
}

test('all templates together pass the checks', () => {
  assert.deepEqual(load(all), []);
});
