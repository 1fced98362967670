import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longestWay, needlesOf } from '../../src/egress/needles.ts';
import { credentialOf, passThrough, searchOf } from '../support/reflection.ts';

const token = 'sk-Live_9/fZ+q8~Tw.x=2Lr7==';
const json = (escaped: string) => JSON.stringify({ echo: '' }).replace('""', `"${escaped}"`);
const upper = (text: string) => text.replaceAll(/%[\da-f]{2}/gi, (byte) => byte.toUpperCase());
const lower = (text: string) => text.replaceAll(/%[\da-f]{2}/gi, (byte) => byte.toLowerCase());
const everyByte = (text: string) => text.replaceAll(/[^]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
const notAlphanumeric = (text: string, write: (byte: string, hex: string) => string) =>
  text.replaceAll(/[^a-z0-9]/gi, (byte) => write(byte, byte.charCodeAt(0).toString(16).padStart(2, '0')));

const forms: readonly [what: string, echoed: string, form: string][] = [
  ['as it is', token, 'exact'],
  ['percent-encoded where a URI component needs it', encodeURIComponent(token), 'percent'],
  ['the same in lower case', lower(encodeURIComponent(token)), 'percent'],
  ['percent-encoded where a path needs it', encodeURI(`${token}%`).slice(0, -3).replace('+', '%2B'), 'percent'],
  ['percent-encoded wherever it is no letter or digit', notAlphanumeric(token, (_byte, hex) => `%${hex}`), 'percent'],
  ['percent-encoded as a whole, in upper case', upper(everyByte(token)), 'percent'],
  ['percent-encoded as a whole, in lower case', lower(everyByte(token)), 'percent'],
  ['in JSON', JSON.stringify(token).slice(1, -1), 'exact'],
  ['in JSON that escapes slashes', token.replaceAll('/', String.raw`\/`), 'json'],
  ['in JSON that escapes what HTML reads', notAlphanumeric(token, (byte, hex) => ('+=/'.includes(byte) ? `\\u00${hex}` : byte)), 'json'],
  ['in JSON with escapes in upper case', notAlphanumeric(token, (_byte, hex) => `\\u00${hex.toUpperCase()}`), 'json'],
  ['in HTML with decimal references', token.replaceAll('+', '&#43;').replaceAll('=', '&#61;'), 'html'],
  ['in HTML with hexadecimal references', token.replaceAll('/', '&#x2F;').replaceAll('=', '&#x3d;'), 'html'],
  [
    'percent-encoded in JSON that escapes slashes',
    encodeURI(token)
      .replaceAll('/', String.raw`\/`)
      .replace('+', '%2b'),
    'json',
  ],
];

for (const [what, echoed, form] of forms) {
  test(`a token that is echoed ${what} is masked with as many bytes`, () => {
    const passed = passThrough(searchOf(`Bearer ${token}`), [`before ${json(echoed)} after`]);
    assert.equal(passed.text, `before ${json('*'.repeat(echoed.length))} after`);
    assert.deepEqual(passed.forms, [form]);
  });
}

for (const coding of ['base64', 'base64url'] as const) {
  for (const offset of [0, 1, 2]) {
    for (const text of [token, 'eight8ch', `~~~???>>>${token}`]) {
      test(`${text.length} characters inside ${coding} text, ${offset} bytes after a group of three, are masked`, () => {
        const before = 'x'.repeat(3 + offset);
        for (const after of ['', 'y', 'yy', 'yyy and more']) {
          const coded = Buffer.from(before + text + after, 'latin1').toString(coding);
          for (const written of new Set([coded, encodeURIComponent(coded), coded.replaceAll('/', String.raw`\/`)])) {
            const passed = passThrough(searchOf(`Bearer ${text}`), [`{"t":"${written}"}`]);
            assert.equal(passed.text.length, written.length + 8);
            assert.deepEqual(passed.forms, ['base64']);
            const rest = Buffer.from(passed.text.slice(6, -2).replaceAll('*', 'A'), 'base64').toString('latin1');
            for (let i = 0; i + 2 <= text.length; i += 1)
              assert.ok(!rest.includes(text.slice(i, i + 2)), `${text.slice(i, i + 2)} in ${rest}`);
          }
        }
      });
    }
  }
}

const parts: readonly [what: string, name: string, value: string, secrets: readonly string[]][] = [
  ['a bearer token', 'authorization', 'Bearer abcdefgh', ['abcdefgh']],
  ['a value without scheme', 'authorization', 'abcdefgh', ['abcdefgh']],
  ['an API key', 'x-api-key', 'abcdefgh', ['abcdefgh']],
  ['an API key behind a word', 'x-api-key', 'Token abcdefgh', ['Token abcdefgh', 'abcdefgh']],
  ['Basic credentials', 'authorization', `Basic ${btoa('user:password')}`, [btoa('user:password'), 'user:password', 'password']],
  ['Basic credentials with a short password', 'authorization', `basic ${btoa('user:pw')}`, [btoa('user:pw')]],
  ...['', 'X', 'x-oauth-basic'].map((none): [string, string, string, string[]] => [
    `a key sent as a user name with the password "${none}"`,
    'authorization',
    `Basic ${btoa(`key-4711:${none}`)}`,
    [btoa(`key-4711:${none}`), `key-4711:${none}`, 'key-4711'],
  ]),
  ['a named parameter', 'authorization', 'Token token="abcdefgh", x=1', ['token="abcdefgh", x=1', 'abcdefgh']],
  ['a cookie', 'cookie', 'sid=abcdefgh; t=1', ['sid=abcdefgh; t=1', 'abcdefgh']],
  ['a key of seven characters', 'x-api-key', 'abcdefg', []],
];

for (const [what, name, value, secrets] of parts) {
  test(`of ${what} is looked for: ${secrets.join(' | ') || 'nothing'}`, () => {
    const needles = needlesOf(credentialOf(value, name));
    assert.deepEqual([...new Set(needles.filter(({ base64 }) => !base64).map(({ text }) => text))], secrets);
    assert.equal(needles.length, secrets.length * 5);
  });
}

test('Basic credentials are masked whichever part of them is echoed', () => {
  const search = searchOf(`Basic ${btoa('agent:correct horse+battery')}`);
  for (const [echoed, masked] of [
    [`Basic ${btoa('agent:correct horse+battery')}`, `Basic ${'*'.repeat(36)}`],
    ['agent:correct horse+battery', '*'.repeat(27)],
    ['user agent, correct horse+battery', `user agent, ${'*'.repeat(21)}`],
    ['q=correct+horse%2Bbattery', `q=${'*'.repeat(23)}`],
  ])
    assert.equal(passThrough(search, [echoed ?? '']).text, masked);
});

test('a secret beyond ASCII is found in Latin-1, in UTF-8 and escaped', () => {
  const secret = 'pässwÃrdö-1';
  const search = searchOf(secret, 'x-api-key');
  const utf8 = Buffer.from(secret).toString('latin1');
  for (const echoed of [
    secret,
    utf8,
    encodeURIComponent(secret),
    'p%E4ssw%c3rd%F6-1',
    String.raw`p\u00e4ssw\u00C3rd\u00f6-1`,
    'p&#228;ssw&#xC3;rd&#xf6;-1',
    upper(everyByte(utf8)),
  ])
    assert.equal(passThrough(search, [`<${echoed}>`]).text, `<${'*'.repeat(echoed.length)}>`, echoed);
});

test('a secret beyond ASCII is found in base64 of either of its encodings, at any offset, and in Basic credentials in UTF-8', () => {
  const secret = 'pässwÃrdö-12';
  const search = searchOf(secret, 'x-api-key');
  for (const encoding of ['latin1', 'utf8'] as const) {
    for (const before of ['xyz', 'wxyz', 'vwxyz']) {
      const echoed = Buffer.from(`${before}${secret}~`, encoding).toString('base64');
      assert.deepEqual(passThrough(search, [echoed]).forms, ['base64'], echoed);
    }
  }
  const basic = searchOf(`Basic ${Buffer.from('agent:zwölf-Mönche').toString('base64')}`);
  for (const echoed of ['zwölf-Mönche', String.raw`zw\u00f6lf-M\u00f6nche`, encodeURIComponent('zwölf-Mönche')])
    assert.equal(passThrough(basic, [`<${echoed}>`]).text, `<${'*'.repeat(echoed.length)}>`, echoed);
});

test('a secret full of what encodings use is found in each of them', () => {
  const secret = String.raw`%25\\&amp;"100%/'\&.`;
  const search = searchOf(secret, 'x-api-key');
  for (const echoed of [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
    secret.replaceAll(/[\\"']/g, String.raw`\$&`),
    everyByte(secret),
  ])
    assert.equal(passThrough(search, [`<${echoed}>`]).text, `<${'*'.repeat(echoed.length)}>`, echoed);
});

test('no way to write a character is longer than the search allows for', () => {
  for (let byte = 0x20; byte < 0x100; byte += 1) {
    for (const { text, ways } of needlesOf(credentialOf(String.fromCharCode(byte).repeat(9), 'x-api-key'))) {
      for (const character of text) assert.ok(ways(character).all.every((way) => way.length > 0 && way.length <= longestWay));
    }
  }
});
