import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createToolDefinitions } from '../../src/protocol/mcp/definitions.ts';
import type { State } from '../../src/state.ts';
import { destination } from '../support/policy.ts';

const kb = destination('kb', { protocol: 'mcp', refusesChangedTools: true });

/** Records in memory, which count their writes. */
function memory(): { readonly state: Pick<State, 'records'>; writes: number } {
  const values = new Map<string, unknown>();
  const counted = {
    writes: 0,
    state: {
      records: <T>() => ({
        put(id: string, value: T) {
          counted.writes += 1;
          values.set(id, value);
        },
        delete: (id: string) => void values.delete(id),
        all: () => [...values].map(([id, value]) => ({ id, value: value as T })),
      }),
    },
  };
  return counted;
}

test('a definition is known from its first sight on, over a restart', () => {
  const disk = memory();
  const first = createToolDefinitions(disk.state);
  assert.equal(first.seen(kb, 'a', 'one'), 'first seen');
  assert.equal(first.seen(kb, 'a', 'one'), 'as known');
  first.save(kb);
  const second = createToolDefinitions(disk.state);
  assert.equal(second.seen(kb, 'a', 'two'), 'changed');
  assert.equal(second.seen(kb, 'a', 'two'), 'changed before');
  assert.equal(second.barred(kb, 'a'), true);
  second.save(kb);
  const third = createToolDefinitions(disk.state);
  assert.equal(third.barred(kb, 'a'), true);
  assert.equal(third.seen(kb, 'a', 'one'), 'as known');
  assert.equal(third.barred(kb, 'a'), false);
});

test('a list of ten thousand tools is one write, and none when nothing is new', () => {
  const disk = memory();
  const definitions = createToolDefinitions(disk.state);
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < 10_000; i += 1) definitions.seen(kb, `tool${i}`, 'one');
    definitions.save(kb);
  }
  assert.equal(disk.writes, 1);
});

test('the reviewed digest counts, whatever was seen first', () => {
  const definitions = createToolDefinitions(memory().state);
  const reviewed = { ...kb, tools: new Map([['a', { digest: 'reviewed', arguments: new Map() }]]) };
  assert.equal(definitions.seen(kb, 'a', 'other'), 'first seen');
  assert.equal(definitions.seen(reviewed, 'a', 'other'), 'changed');
  assert.equal(definitions.barred(reviewed, 'a'), true);
  assert.equal(definitions.seen(reviewed, 'a', 'reviewed'), 'as known');
  assert.equal(definitions.barred(reviewed, 'a'), false);
});

test('a changed tool can be used as soon as the change has been reviewed', () => {
  const definitions = createToolDefinitions(memory().state);
  definitions.seen(kb, 'a', 'one');
  definitions.seen(kb, 'a', 'two');
  assert.equal(definitions.barred(kb, 'a'), true);
  const reviewed = (digest: string) => ({ ...kb, tools: new Map([['a', { digest, arguments: new Map() }]]) });
  assert.equal(definitions.barred(reviewed('one'), 'a'), true);
  assert.equal(definitions.barred(reviewed('two'), 'a'), false);
});

test('a tool is called by any name', () => {
  const definitions = createToolDefinitions(memory().state);
  for (const name of ['__proto__', 'constructor', 'toString']) assert.equal(definitions.seen(kb, name, 'one'), 'first seen', name);
  definitions.save(kb);
});
