import assert from 'node:assert/strict';
import { test } from 'node:test';
import { responseHeaders, responseTrailers } from '../../src/egress/headers.ts';
import { destinationNamed } from '../support/broker.ts';

const destination = destinationNamed('api', { route: '/api', basePath: '/base' });
const target = { destination, host: 'api.example', path: '/base/items/7', query: '?a=1' };

/** What passes of these fields, without our own Via. */
function passed(fields: Record<string, string | string[]>, onRoute = false): [string | undefined, string | undefined][] {
  const flat = responseHeaders(fields, target, onRoute);
  const pairs = Array.from({ length: flat.length / 2 }, (_, i): [string | undefined, string | undefined] => [flat[2 * i], flat[2 * i + 1]]);
  assert.deepEqual(pairs.pop(), ['via', '1.1 exeat']);
  return pairs;
}

const onRoute: readonly [what: string, location: string, expected: string][] = [
  ['a path inside the base', '/base/next?x=1#f', '/api/next?x=1#f'],
  ['the base itself', '/base', '/api'],
  ['the base with a query', '/base?x', '/api?x'],
  ['a URL inside the base', 'https://api.example/base/next', '/api/next'],
  ['a URL in another spelling', 'HTTPS://API.example:443/base/next', '/api/next'],
  ['a URL without scheme', '//api.example/base/next', '/api/next'],
  ['a relative path', 'comments', '/api/items/comments'],
  ['a relative path upwards', '../users', '/api/users'],
  ['a query alone', '?page=2', '/api/items/7?page=2'],
  ['a path that only begins like the base', '/basement', 'https://api.example/basement'],
  ['a path beside the base', '/login', 'https://api.example/login'],
  ['a path that climbs out of the base', '/base/../admin', 'https://api.example/admin'],
  ['a relative path that climbs out of the base', '../../../tickets/1', 'https://api.example/tickets/1'],
  ['the bare host', 'https://api.example', 'https://api.example/'],
  ['another host', 'https://other.example', 'https://other.example'],
  ['another port', 'https://api.example:8443/base/', 'https://api.example:8443/base/'],
  ['another scheme', 'http://api.example/base/', 'http://api.example/base/'],
  ['another host without scheme', '//other.example/base', 'https://other.example/base'],
  ['something that is no URL', 'https://[', 'https://['],
];

for (const [what, location, expected] of onRoute) {
  test(`on a route the Location of ${what} is ${expected}`, () => {
    for (const name of ['location', 'content-location']) assert.deepEqual(passed({ [name]: location }, true), [[name, expected]]);
  });
}

test('through the proxy a Location passes as it is, and so does HSTS', () => {
  for (const [, location] of onRoute) assert.deepEqual(passed({ location }), [['location', location]]);
  const hsts = { 'strict-transport-security': 'max-age=1' };
  assert.deepEqual(passed(hsts), [['strict-transport-security', 'max-age=1']]);
  assert.deepEqual(passed(hsts, true), []);
});

test('what would lead the agent past the proxy, or speaks for it, never passes', () => {
  const fields = { 'alt-svc': 'h3=":443"', 'exeat-task': 'x', 'exeat-anything': 'y', 'proxy-authenticate': 'Basic', 'set-cookie': ['a=b'] };
  assert.deepEqual(passed(fields), []);
  assert.deepEqual(responseTrailers({ ...fields, 'proxy-status': 'exeat; error=http_request_denied', 'x-checksum': 'c' }), [
    ['x-checksum', 'c'],
  ]);
});

const proxyStatus: readonly [value: string | string[], expected: string | undefined][] = [
  ['exeat; error=http_request_denied', undefined],
  ['exeat', undefined],
  ['EXEAT ; error=x', undefined],
  ['"exeat"; error=x', undefined],
  ['other; received-status=200, exeat; error=x', 'other; received-status=200'],
  ['exeat;error=x,other', 'other'],
  ['exeatlike; error=x', 'exeatlike; error=x'],
  ['other; details="a, b"', 'other; details="a, b"'],
  ['other; details="a, exeat; error=x"', undefined],
  ['a; details="x, y\\", z", b; error=dns_error, exeat', 'a; details="x, y\\", z", b; error=dns_error'],
  ['other; details="a, exeat; error=x', undefined],
  ['other; details="a\\", exeat; error=x', undefined],
  [['exeat', 'other'], 'other'],
];

for (const [value, expected] of proxyStatus) {
  test(`of a destination's Proxy-Status ${JSON.stringify(value)} passes ${expected ?? 'nothing'}`, () => {
    assert.deepEqual(passed({ 'proxy-status': value }), expected === undefined ? [] : [['proxy-status', expected]]);
  });
}
