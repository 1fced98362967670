import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/fast-check.ts';
import { needlesOf, type Needle } from '../../src/egress/needles.ts';
import { Search } from '../../src/egress/search.ts';
import { credentialOf, cutAt, passThrough } from '../support/reflection.ts';

/** Few characters, so that parts of a secret, of its encodings and of the text around it look alike. */
const characters = fc.constantFrom(...'aab/+%2\\&="é'.split(''));
const secrets = fc.oneof(
  fc.string({ unit: characters, minLength: 8, maxLength: 14 }),
  fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.~/+='.split('')), minLength: 8, maxLength: 40 }),
);
const places = fc.array(fc.nat(), { maxLength: 12 });

const writings: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => encodeURIComponent(secret),
  (secret) => secret.replaceAll(/[^a]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`),
  (secret) => secret.replaceAll(/[^]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`),
  (secret) => JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/'),
  (secret) => secret.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('+', '&#43;'),
  (secret) => Buffer.from(secret, 'latin1').toString('base64'),
  (secret) => Buffer.from(`x${secret}`, 'latin1').toString('base64url'),
  (secret) => Buffer.from(`xy${secret}z`, 'latin1').toString('base64').replaceAll('/', '\\/'),
  (secret) => secret.slice(0, -1),
  (secret) => secret.slice(0, 5),
];
const text = (secret: string) =>
  fc
    .array(
      fc.oneof(
        fc.constantFrom(...writings).map((write) => write(secret)),
        fc.string({ unit: characters, maxLength: 30 }),
      ),
      { maxLength: 8 },
    )
    .map((pieces) => pieces.join('').replaceAll(/[^\0-\xff]/g, '?'));

const cases = secrets.chain((secret) => fc.tuple(fc.constant(secret), text(secret), places));

/** The same without filter and without chunks: at each place each needle, in order, each way to write each character. */
function plainly(needles: readonly Needle[], whole: string): string {
  const endOf = ({ text: needle, ways }: Needle, index: number, at: number): number | undefined => {
    if (index === needle.length) return at;
    for (const way of ways(needle.charAt(index)).all) {
      const end = whole.startsWith(way, at) ? endOf({ text: needle, ways, base64: false }, index + 1, at + way.length) : undefined;
      if (end !== undefined) return end;
    }
    return undefined;
  };
  let out = '';
  for (let at = 0; at < whole.length;) {
    const end = needles.map((needle) => endOf(needle, 0, at)).find((found) => found !== undefined) ?? at;
    out += end > at ? '*'.repeat(end - at) : whole.charAt(at);
    at = Math.max(end, at + 1);
  }
  return out;
}

const runs = { numRuns: 1500 };

test('the search finds what looking everywhere finds, and any split of the text gives the same answer', () => {
  const property = fc.property(cases, ([secret, whole, cuts]) => {
    const needles = needlesOf(credentialOf(secret, 'x-api-key'));
    const search = new Search(needles);
    const expected = plainly(needles, whole);
    assert.equal(passThrough(search, [whole]).text, expected);
    assert.equal(passThrough(search, cutAt(whole, cuts)).text, expected);
    assert.equal(passThrough(search, whole.split('')).text, expected);
  });
  fc.assert(property, runs);
});

test('any split of a part that a range has cut out gives the same answer', () => {
  const property = fc.property(cases, fc.nat(), ([secret, whole, cuts], from) => {
    const search = new Search(needlesOf(credentialOf(secret, 'x-api-key')));
    const part = whole.slice(from % (whole.length + 1));
    const { text: expected } = passThrough(search, [part], true);
    assert.equal(expected.length, part.length);
    assert.equal(passThrough(search, cutAt(part, cuts), true).text, expected);
    assert.equal(passThrough(search, part.split(''), true).text, expected);
  });
  fc.assert(property, runs);
});

test('no more is held back than the longest way to write a secret', () => {
  const property = fc.property(cases, ([secret, whole]) => {
    const search = new Search(needlesOf(credentialOf(secret, 'x-api-key')));
    let held = 0;
    for (const piece of passThrough(search, whole.split('')).pieces) {
      held = held + 1 - piece.length;
      assert.ok(held <= 6 * secret.length);
    }
  });
  fc.assert(property, runs);
});
