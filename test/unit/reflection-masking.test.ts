import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortestRangeBytes } from '../../src/egress/guarded-head.ts';
import { Masking } from '../../src/egress/masking.ts';
import { passThrough, searchOf } from '../support/reflection.ts';

const token = 'ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789';
const percentEncoded = token.replaceAll(/[^]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
const stars = '*'.repeat(token.length);
const search = searchOf(`Bearer ${token}`);

test('what cannot begin a secret is passed on at once, what can is held until it is decided', () => {
  const { pieces } = passThrough(search, ['data: one\n\n', 'data: gh', 'p_Ab', 'x\n\n', token.slice(0, 30), token.slice(30), ' end g']);
  assert.deepEqual(pieces, ['data: one\n\n', 'data: ', '', 'ghp_Abx\n\n', '', stars, ' end ', 'g']);
});

test('a secret is found behind a beginning of itself', () => {
  for (const length of [1, 4, 20, token.length - 1]) {
    const text = `${token.slice(0, length)}${token}!`;
    assert.equal(passThrough(search, [text]).text, `${token.slice(0, length)}${stars}!`);
    assert.equal(passThrough(search, text.split('')).text, `${token.slice(0, length)}${stars}!`);
  }
  const own = searchOf('aabaabaabaac', 'x-api-key');
  for (const chunks of [['aabaabaabaabaabaac!'], 'aabaabaabaabaabaac!'.split('')])
    assert.equal(passThrough(own, chunks).text, `aabaab${'*'.repeat(12)}!`);
});

test('every echo is masked, however many stand together', () => {
  const text = `${token}${token} ${encodeURIComponent(token)}${btoa(token)}${token}`;
  const { text: out, forms } = passThrough(search, [text]);
  assert.equal(forms.length, 5);
  assert.match(out, /^\*{80} \*{40}\*{53}[\w=]{3}\*{40}$/);
});

test('what almost is the secret passes', () => {
  for (const text of [
    token.slice(1),
    token.slice(0, -1),
    token.toLowerCase(),
    `${token.slice(0, 20)} ${token.slice(20)}`,
    token.replace('_', '%5'),
  ]) {
    assert.deepEqual(passThrough(search, [text, '']).text, text);
    assert.deepEqual(passThrough(search, text.split('')).text, text);
  }
});

test('the chunk that comes in is left as it is', () => {
  const chunk = Buffer.from(`a ${token} b`);
  const out = new Masking({ search, part: false, onFound() {} }).end(chunk);
  assert.equal(chunk.toString(), `a ${token} b`);
  assert.equal(Buffer.from(out ?? '').toString(), `a ${stars} b`);
});

for (const [what, written] of [
  ['plain', token],
  ['percent-encoded', percentEncoded],
  ['in base64', btoa(`x${token}`)],
]) {
  test(`a secret, ${what}, that a range cuts in two shows at most three characters on either side`, () => {
    const text = `log: ${written ?? ''}; end`;
    const width = written === token ? 1 : 3;
    for (let cut = 1; cut < text.length; cut += 1) {
      const head = passThrough(search, [text.slice(0, cut)], true).text;
      const tail = passThrough(search, [text.slice(cut)], true).text;
      const shown = (head + tail).split('').filter((_, i) => i >= 5 && i < text.length - 5 && head.concat(tail)[i] !== '*').length;
      // Around base64 stand characters that are not the secret's alone.
      assert.ok(shown <= 3 * width + width + 3, `${cut}: ${head}|${tail}`);
      for (const chunks of [text.slice(cut).split(''), [text.slice(cut, cut + 5), text.slice(cut + 5)]])
        assert.equal(passThrough(search, chunks, true).text, tail, 'split or not');
    }
  });
}

for (const written of [token, percentEncoded, percentEncoded.toUpperCase(), btoa(token)]) {
  test(`all parts together of "${written.slice(0, 12)}…", of the shortest length that is asked for, show a few characters at its ends`, () => {
    const text = `${' '.repeat(40)}${written}${' '.repeat(40)}`;
    const shown = new Set<number>();
    for (let at = 0; at + shortestRangeBytes <= text.length; at += 1) {
      const part = passThrough(search, [text.slice(at, at + shortestRangeBytes)], true).text;
      for (const [i, character] of part.split('').entries()) if (!' *'.includes(character)) shown.add(at + i - 40);
    }
    const atEnds = written === token ? 4 : 12;
    for (const index of shown) assert.ok(index < atEnds || index >= written.length - atEnds, String(index));
  });
}

test('in a part that has nothing to do with a secret nothing is masked', () => {
  for (const text of ['', 'g', 'ghp', 'PAR1', 'the quick brown fox', '789', '{"items":[1,2,3]}']) {
    const passed = passThrough(search, [text], true);
    assert.deepEqual([passed.text, passed.forms], [text, []]);
  }
});
