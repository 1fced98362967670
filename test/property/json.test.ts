import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '../../src/protocol/json.ts';
import { fc } from '../support/fast-check.ts';

const read = (text: string | Buffer) => parseJson(Buffer.from(text));

test('whatever JSON.stringify writes of well-formed values is read back', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'grapheme' }), (text) => {
      assert.deepEqual(read(text), JSON.parse(text));
    }),
    { numRuns: 300 },
  );
});

test('a name that stands twice anywhere is refused, however it is written', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 6 });
  const twice = name.chain((text) => fc.tuple(spelt(text), spelt(text), fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 3 })));
  fc.assert(
    fc.property(twice, ([one, other, around]) => {
      const object = `{ ${one} : 1 , ${other} :2}`;
      assert.equal(read(object), undefined, object);
      assert.equal(read(JSON.stringify({ around }).replace(/\]\}$/, () => `${around.length > 0 ? ',' : ''}${object}]}`)), undefined);
    }),
  );
});

/** A name as it is, or in escapes from end to end. */
function spelt(text: string): fc.Arbitrary<string> {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16).padStart(4, '0'));
  return fc.constantFrom(JSON.stringify(text), `"${units.map((unit) => `\\u${unit}`).join('')}"`);
}

test('colons and quotes inside of strings are no members', () => {
  assert.deepEqual(read('{"a:\\"b\\"":":\\\\","\\\\":{"":"\\\\\\""}}'), { 'a:"b"': ':\\', '\\': { '': '\\"' } });
});

const refused: readonly (readonly [why: string, text: string | Buffer])[] = [
  ['nothing', ''],
  ['two values', '{}{}'],
  ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d])],
  ['a byte that is no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  ['UTF-16', Buffer.from('{}', 'utf16le')],
  ['a lone surrogate', '"\\ud83d"'],
  ['a name with a lone surrogate', '{"\\ude00":1}'],
  ['a number without end', '1e999'],
  ['NaN', 'NaN'],
  ['a comment', '{/**/}'],
  ['a trailing comma', '[1,]'],
  ['101 levels', `${'['.repeat(101)}${']'.repeat(101)}`],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
];

test('what has more than one reading is refused', () => {
  for (const [why, text] of refused) assert.equal(read(text), undefined, why);
});

test('__proto__ is a name like any other', () => {
  const value = read('{"__proto__":{"polluted":true}}') as Record<string, unknown>;
  assert.deepEqual(Object.keys(value), ['__proto__']);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('100 levels are read', () => {
  assert.notEqual(read(`${'['.repeat(100)}${']'.repeat(100)}`), undefined);
});
