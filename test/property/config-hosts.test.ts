import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baseUrl, hostPattern, originOf } from '../../src/config/hosts.ts';
import { parseTarget } from '../../src/ingress/target.ts';
import { fc } from '../support/fast-check.ts';

const { array, assert: holds, constantFrom, domain, oneof, property, string, webAuthority, webUrl } = fc;

/** Strings that are nearly hosts, made of what makes hosts ambiguous. */
const hostish = array(
  constantFrom(
    'a',
    'api',
    'xn--bcher-kva',
    '127',
    '1',
    '0x7f',
    '.',
    '.',
    '-',
    '_',
    ':',
    '80',
    '443',
    '8443',
    '@',
    '/',
    '[',
    ']',
    '::1',
    '*',
    '%41',
    'A',
    ' ',
    '\t',
    'ü',
    '。',
    'http://',
    'https://',
    '#',
    '?',
    '\\',
  ),
  { minLength: 1, maxLength: 7 },
).map((parts) => parts.join(''));

test('a host that is accepted has one reading: the same for the URL standard, the ingress and itself', () => {
  holds(
    property(oneof(hostish, domain(), string(), webAuthority()), (text) => {
      const parsed = hostPattern.safeParse(text);
      if (!parsed.success || parsed.data.name.startsWith('*.')) return;
      const origin = originOf(parsed.data);
      assert.equal(new URL(origin).origin, origin);
      assert.deepEqual(hostPattern.parse(origin), parsed.data, 'written out and read again');
      const { name: host, scheme, port } = parsed.data;
      const context = { ownAuthorities: new Set<string>() };
      assert.deepEqual(parseTarget(`${origin}/x`, origin.slice(origin.indexOf('//') + 2), context), {
        door: 'forward',
        scheme,
        host,
        port,
        path: '/x',
        query: '',
        encodedReserved: false,
      });
    }),
    { numRuns: 800 },
  );
});

test('a base URL that is accepted is what the URL standard makes of it', () => {
  holds(
    property(
      oneof(
        webUrl(),
        hostish.map((text) => `https://example.com/${text}`),
      ),
      (text) => {
        const parsed = baseUrl.safeParse(text);
        if (!parsed.success) return;
        assert.equal(`${originOf(parsed.data)}${parsed.data.path}`, new URL(text).href.replace(/\/$/, ''));
      },
    ),
    { numRuns: 800 },
  );
});
