import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReadme } from './interop/clients/matrix.ts';

test("the README's table of clients is the one that the interop suite makes (npm run matrix)", () => {
  const { text, current } = readReadme();
  assert.equal(text, current);
});
