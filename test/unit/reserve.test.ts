import assert from 'node:assert/strict';
import { mkdtempDisposableSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openReserve } from '../../src/reserve.ts';

const temporary = () => mkdtempDisposableSync(join(tmpdir(), 'exeat-reserve-'));

test('a note is there again after the file is opened anew, until it is deleted, and the file never grows', () => {
  using folder = temporary();
  const file = join(folder.path, 'notes');
  for (const expected of [[], [{ id: 'b', value: 2 }], [{ id: 'b', value: 3 }]]) {
    using notes = openReserve<number>(file, 3);
    assert.deepEqual(notes.all(), expected);
    notes.put('a', 1);
    notes.put('b', expected.length === 0 ? 2 : 3);
    notes.delete('a');
    notes.delete('unknown');
    const { size, mode } = statSync(file);
    assert.deepEqual([size, mode & 0o777], [3 * 128, 0o600]);
  }
  assert.match(readFileSync(file, 'utf8'), /^(?:\[?.{127}\n){3}$/);
});

test('when no slot is left a note is refused, and those that are there stay and can be changed', () => {
  using folder = temporary();
  using notes = openReserve<string>(join(folder.path, 'notes'), 2);
  notes.put('a', 'x');
  notes.put('b', 'x');
  assert.throws(() => notes.put('c', 'x'), /no slot/);
  notes.put('a', 'y');
  assert.throws(() => notes.put('a', 'y'.repeat(128)), /at most 127 bytes/);
  assert.deepEqual(notes.all(), [
    { id: 'a', value: 'y' },
    { id: 'b', value: 'x' },
  ]);
  notes.delete('b');
  notes.put('c', 'x');
});

test('a file that was not written to its end is completed, and a line that was not counts as none', () => {
  using folder = temporary();
  const file = join(folder.path, 'notes');
  {
    using notes = openReserve<number>(file, 4);
    for (const id of ['a', 'b', 'c', 'd']) notes.put(id, 1);
  }
  truncateSync(file, 128 + 8);
  using notes = openReserve<number>(file, 4);
  assert.deepEqual(notes.all(), [{ id: 'a', value: 1 }]);
  assert.equal(statSync(file).size, 4 * 128);
});

test('nothing is written once the reserve is closed', () => {
  using folder = temporary();
  const notes = openReserve<number>(join(folder.path, 'notes'), 1);
  notes[Symbol.dispose]();
  writeFileSync(join(folder.path, 'other'), '');
  assert.throws(() => notes.put('a', 1), /closed/);
});
