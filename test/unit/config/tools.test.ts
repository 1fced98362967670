import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readTools } from '../../../src/config/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-tools-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'tickets.json');

function problemsWith(text: string): string[] {
  const problems: string[] = [];
  writeFileSync(path, text);
  readTools(path, 'tickets', (message) => void problems.push(message.replace(path, 'FILE')));
  return problems;
}

function file(tools: readonly unknown[], destination = 'tickets'): string {
  return JSON.stringify({ destination, listed_at: '2026-07-01T00:00:00Z', tools });
}

const search = {
  name: 'search',
  digest: 'a'.repeat(43),
  input_schema: { type: 'object', properties: { q: { type: 'string' }, deep: {} } },
};

test('reviewed tools are read with the arguments that policy sees', () => {
  writeFileSync(path, file([search]));
  const tools = readTools(path, 'tickets', (message) => assert.fail(message));
  assert.deepEqual([...tools.keys()], ['search']);
  assert.deepEqual(
    [...(tools.get('search')?.arguments ?? [])],
    [
      ['q', 'String'],
      ['deep', undefined],
    ],
  );
});

test('a file that is not as it was written is a problem, and never one without tools', () => {
  assert.match(problemsWith('{')[0] ?? '', /cannot read FILE/);
  assert.match(problemsWith('[]')[0] ?? '', /not as "exeat tools pin" writes it/);
  assert.match(problemsWith(file([{ ...search, digest: 'short' }]))[0] ?? '', /tools\.0\.digest expected a SHA-256/);
  assert.deepEqual(problemsWith(file([search], 'github')), ['FILE holds the tools of "github"']);
  assert.deepEqual(problemsWith(file([search, search])), ['FILE has two tools of one name']);
});
