import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../src/errors.ts';
import { parseTarget } from '../../src/ingress/target.ts';

const context = { ownAuthorities: new Set(['127.0.0.1:7070']) };

test('an absolute-form target is the forward door, with host in lower case and the default port of its scheme', () => {
  assert.deepEqual(parseTarget('http://API.Example.com/a?b=c', 'api.example.com', context), {
    door: 'forward',
    scheme: 'http',
    host: 'api.example.com',
    port: 80,
    path: '/a',
    query: '?b=c',
    encodedReserved: false,
  });
  assert.deepEqual(parseTarget('https://api.example.com', 'api.example.com:443', context), {
    door: 'forward',
    scheme: 'https',
    host: 'api.example.com',
    port: 443,
    path: '/',
    query: '',
    encodedReserved: false,
  });
});

test('a target without a path but with a query has the path "/"', () => {
  const target = parseTarget('http://a.example?x=1', 'a.example', context);
  assert.ok(!isRefusal(target));
  assert.equal(target.path + target.query, '/?x=1');
});

test('an origin-form target is a route, and so is an absolute-form one that names our own listener', () => {
  for (const raw of ['/tickets/a', 'http://127.0.0.1:7070/tickets/a']) {
    const target = parseTarget(raw, '127.0.0.1:7070', context);
    assert.ok(!isRefusal(target));
    assert.equal(target.door, 'route');
    assert.equal(target.path, '/tickets/a');
  }
});

const refused: readonly [raw: string, host: string][] = [
  ['*', 'a.example'],
  ['a.example:443', 'a.example:443'],
  ['ftp://a.example/', 'a.example'],
  ['http:a.example/', 'a.example'],
  ['http:///a', ''],
  ['http://user@a.example/', 'a.example'],
  ['http://user:pw@a.example/', 'a.example'],
  ['http://a@b@c.example/', 'c.example'],
  ['http://h\\@evil.example/', 'evil.example'],
  ['http://a.example\\b/', 'a.example'],
  ['http://a.example/#f', 'a.example'],
  ['http://a.example/a#f', 'a.example'],
  ['http://a.example#f', 'a.example'],
  ['http://a.example/', 'b.example'],
  ['http://a.example/', 'a.example:8080'],
  ['http://a.example:8080/', 'a.example'],
  ['http://a.example./', 'a.example.'],
  ['http://a..example/', 'a..example'],
  ['http://.a.example/', '.a.example'],
  ['http://a.example:0/', 'a.example:0'],
  ['http://a.example:080/', 'a.example:080'],
  ['http://a.example:65536/', 'a.example:65536'],
  ['http://a.example:/', 'a.example:'],
  ['http://a.example:8a/', 'a.example:8a'],
  ['http://127.1/', '127.1'],
  ['http://0x7f.1/', '0x7f.1'],
  ['http://0x7f000001/', '0x7f000001'],
  ['http://2130706433/', '2130706433'],
  ['http://017700000001/', '017700000001'],
  ['http://127.0.0.01/', '127.0.0.01'],
  ['http://256.0.0.1/', '256.0.0.1'],
  ['http://1.2.3.4.5/', '1.2.3.4.5'],
  ['http://１２７.0.0.1/', '127.0.0.1'],
  ['http://169。254。169。254/', '169.254.169.254'],
  ['http://bücher.example/', 'bücher.example'],
  ['http://a%2eexample/', 'a%2eexample'],
  ['http://[::1/', '[::1'],
  ['http://[a.example]/', '[a.example]'],
  ['http://[::ffff:127.0.0.1]/', '[::ffff:127.0.0.1]'],
  ['http://[fe80::1%25eth0]/', '[fe80::1%25eth0]'],
  ['http://[0:0:0:0:0:0:0:1]/', '[0:0:0:0:0:0:0:1]'],
  ['http://a_b c/', 'a_b c'],
];

for (const [raw, host] of refused) {
  test(`the target ${raw} with Host ${host === '' ? '(empty)' : host} is refused`, () => {
    const answer = parseTarget(raw, host, context);
    assert.ok(isRefusal(answer));
    assert.match(answer.refused, /^(malformed_request|ambiguous_path)$/);
  });
}

test('canonical IP literals are read, for the address guard to judge', () => {
  for (const [raw, host] of [
    ['http://10.0.0.1/', '10.0.0.1'],
    ['http://[::1]:8080/', '[::1]:8080'],
  ] as const)
    assert.ok(!isRefusal(parseTarget(raw, host, context)));
});
