import assert from 'node:assert/strict';
import { mkdtempDisposableSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { config, create } from '../../src/policy/cedar.ts';
import { destinations, intents } from '../support/policy.ts';

/** Each `typos/<kind>.cedar` is refused with exactly `<kind>.txt`, as it stands and with every permit made a forbid. `UPDATE_GOLDEN=1` writes them. */
const folder = new URL('policy/typos/', import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.cedar'))) {
  const kind = file.replace(/\.cedar$/, '').replaceAll('-', ' ');
  const golden = new URL(file.replace(/cedar$/, 'txt'), folder);
  const text = readFileSync(new URL(file, folder), 'utf8');
  void test(`a slip in a permit is a start-up error that names file, line and policy: ${kind}`, () => {
    const said = refusalOf(file, text);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, said);
    assert.equal(said, readFileSync(golden, 'utf8'));
    assert.match(said, new RegExp(`^${file}:[3-9]`));
  });
  void test(`a slip in a forbid is the same error: ${kind}`, () => {
    const said = refusalOf(file, text.replaceAll('permit (', 'forbid ('));
    assert.equal(said.replaceAll('forbid', 'permit'), readFileSync(golden, 'utf8'));
  });
}

function refusalOf(file: string, text: string): string {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'exeat-policy-'));
  writeFileSync(join(directory.path, file), text);
  try {
    create(config.parse({ engine: 'cedar', directory: directory.path }), { destinations, intents });
  } catch (error) {
    assert.ok(error instanceof Error);
    return `${error.message}\n`;
  }
  return assert.fail(`accepted:\n${text}`);
}
