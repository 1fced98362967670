import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, nearest } from '../../src/nearest.ts';

test('a slip of the pen finds the word that was meant', () => {
  const words = ['destinations', 'destination', 'github', 'tickets'];
  assert.equal(nearest('githb', words), 'github');
  assert.equal(nearest('gihtub', words), 'github');
  assert.equal(nearest('GitHub', words), 'github');
  assert.equal(nearest('destinatons', words), 'destinations');
});

test('an exact name wins over a near one', () => {
  assert.equal(nearest('tickets', ['ticket', 'tickets', 'tickets2']), 'tickets');
});

test('a word that is far from all finds nothing', () => {
  assert.equal(nearest('kubernetes', ['file', 'local']), undefined);
  assert.equal(nearest('x', ['a', 'b']), undefined);
  assert.equal(didYouMean('kubernetes', ['file', 'local']), '');
});
