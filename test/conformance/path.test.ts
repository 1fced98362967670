import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { canonicalPath, checkedQuery } from '../../src/ingress/path.ts';

const accepted: readonly [raw: string, path: string, encodedReserved?: true][] = [
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/a/b/', '/a/b/'],
  ['/.well-known/x', '/.well-known/x'],
  ['/...', '/...'],
  ['/..a', '/..a'],
  ['/a:b@c,d=e', '/a:b@c,d=e'],
  ['/a;b=c/d', '/a;b=c/d', true],
  ['/admin;/x', '/admin;/x', true],
  ['/a%3Bb', '/a%3Bb', true],
  ['/...;/a', '/...;/a', true],
  ['/a..;/b', '/a..;/b', true],
  ['/gr%C3%BCn', '/gr%C3%BCn'],
  ['/gr%c3%bcn', '/gr%C3%BCn'],
  ['/a%20b', '/a%20b'],
  ['/a%2Fb', '/a%2Fb', true],
  ['/a%2fb', '/a%2Fb', true],
  ['/v1/models%3Apredict', '/v1/models%3Apredict', true],
  ['/users/a%40b.example', '/users/a%40b.example', true],
  ['/a%23b', '/a%23b', true],
  ['/a%3Fb', '/a%3Fb', true],
  ['/50%25', '/50%25'],
];

const refused: readonly string[] = [
  '/a//b',
  '//a',
  '/a/../b',
  '/a/..',
  '/..',
  '/./a',
  '/a/.',
  '/public/..;/admin/secret',
  '/public/..;a=b/admin',
  '/a/..;',
  '/.;/a',
  '/a/.;x/b',
  '/a/..%3B/b',
  '/a/..%3bx/b',
  '/a/..%2Fb',
  '/a%2f../b',
  '/a%2F.%2Fb',
  '/a/..%23',
  '/a/..%3Fb',
  '/%2e%2e;/a',
  '/%2e%2e/a',
  '/a/%2E/b',
  '/%41',
  '/%7Euser',
  '/a%00b',
  '/a%0d%0ab',
  '/a%7f',
  '/a%5cb',
  '/a\\b',
  '/a%252fb',
  '/a%25%32%66',
  '/a%2',
  '/a%',
  '/a%zz',
  '/%c0%af',
  '/%ff',
  '/%ed%a0%80',
  '/grün',
  '/a b',
  '/a\tb',
  '/a"b',
  '/a<b',
  '/a{b}',
  '/a|b',
  '/a^b',
  '/a`b',
  '/a#b',
];

for (const [raw, path, encodedReserved = false] of accepted) {
  test(`the path ${raw} is forwarded as ${path}`, () => assert.deepEqual(canonicalPath(raw), { path, encodedReserved }));
}

for (const raw of refused) {
  test(`the path ${JSON.stringify(raw)} is refused as ambiguous`, () => {
    const answer = canonicalPath(raw);
    assert.ok(isRefusal(answer));
    assert.equal(answer.refused, 'ambiguous_path');
  });
}

for (const raw of ['', '?', '?a=b&c', '?q=a+b%20c', '?filter[name]=x', '?a|b', '?x=/y?z']) {
  test(`the query ${JSON.stringify(raw)} passes unchanged`, () => assert.equal(checkedQuery(raw), raw));
}

for (const raw of ['?a=1;b=2', '?a=%', '?a=%0d%0aX', '?a=%00', '?a=ü', '?a=b\\c', '?a=b#c', '?a b', '?a="b"']) {
  test(`the query ${JSON.stringify(raw)} is refused`, () => assert.ok(typeof checkedQuery(raw) !== 'string'));
}
