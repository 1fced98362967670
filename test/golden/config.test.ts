import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problems.ts';

/** Each `config/<name>.yaml` gives exactly `<name>.json`, the completed configuration, or `<name>.txt`, the error. `UPDATE_GOLDEN=1` writes them. */
const folder = new URL('config/', import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
  const name = file.replace(/\.yaml$/, '');
  void test(`the configuration ${name.replaceAll('-', ' ')} is read, or refused, as written down`, () => {
    const { extension, text } = outcome(readFileSync(new URL(file, folder), 'utf8'), file);
    const golden = new URL(`${name}.${extension}`, folder);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text);
    assert.ok(existsSync(golden), `unexpected outcome:\n${text}`);
    const expected = readFileSync(golden, 'utf8');
    if (extension === 'json') assert.deepEqual(JSON.parse(text), JSON.parse(expected));
    else assert.equal(text, expected);
    assert.ok(!text.includes('hunter2'), 'no secret is repeated');
  });
}

function outcome(text: string, file: string): { extension: 'json' | 'txt'; text: string } {
  try {
    return { extension: 'json', text: `${JSON.stringify(parseConfig(text, file), undefined, 2)}\n` };
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return { extension: 'txt', text: `${error.message}\n` };
  }
}
