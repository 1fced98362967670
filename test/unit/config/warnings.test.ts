import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { warningsOf } from '../../../src/config/warnings.ts';

const now = Date.parse('2026-12-01T12:00:00Z');
const used = 'intents: { work: { description: x, destinations: [api] } }\n';
const secret = (expires: string) =>
  `credential: { kind: static, header: x-api-key, value: { env: KEY }, expires: ${expires}, reason: no OAuth }`;
const warnings = (yaml: string) => warningsOf(parseConfig(yaml, 'test.yaml'), now);
const chained = (more: string, hosts: string, settings = '') =>
  warnings(
    `upstream_proxy: { url: "http://proxy.example:3128", ${more} }\n${used}destinations: { api: { hosts: [${hosts}], ${settings} } }`,
  );
const api = (more: string) => warnings(`${used}destinations: { api: { hosts: [api.example.com], ${more} } }`);

test('a plain configuration has nothing to warn of', () => {
  assert.deepEqual(api('protocol: http'), []);
});

test('a dated secret is named with the days it has left', () => {
  assert.deepEqual(api(secret('2026-12-31')), ['destinations.api.credential.expires: a shared static secret (no OAuth), for 31 more days']);
  assert.match(api(secret('2029-12-31'))[0] ?? '', /which is long for an exception$/);
});

test('a date that has passed is a warning, since only its destination is affected', () => {
  assert.deepEqual(api(secret('2026-11-30')), [
    'destinations.api.credential.expires: has passed: calls are refused until the secret is replaced',
  ]);
  assert.deepEqual(api('observe: { until: 2026-11-30 }'), ['destinations.api.observe.until: has passed: policy is enforced']);
});

test('a day counts to its end', () => {
  assert.deepEqual(api('observe: { until: 2026-12-01 }'), ['destinations.api.observe.until: policy is not enforced, for 1 more day']);
});

test('every unsafe switch is named', () => {
  const config = `
listen: { proxy: 0.0.0.0:7070, control: ":7071", unsafe_expose_proxy: true, unsafe_expose_control: true }
authority: { issuer: "http://127.0.0.1:7080", unsafe_cleartext: true }
${used}destinations:
  api:
    hosts: ["http://localhost:8080"]
    allow_private: true
    unsafe_cleartext: true
    unsafe_keep: [x-api-key]
    unsafe_encoded_path: true
    unsafe_reflection: true
    credential: { kind: token-exchange, audience: a }
    pass_cookies: true
`;
  const named = warnings(config).map((line) => line.slice(0, line.indexOf(': ')));
  assert.deepEqual(named, [
    'listen.unsafe_expose_proxy',
    'listen.unsafe_expose_control',
    'destinations.api.unsafe_cleartext',
    'destinations.api.unsafe_keep',
    'destinations.api.unsafe_encoded_path',
    'destinations.api.unsafe_reflection',
    'destinations.api.pass_cookies',
    'authority.unsafe_cleartext',
  ]);
});

test('what can never be used is named', () => {
  assert.deepEqual(warnings(''), ['destinations: there is none, so every call is refused']);
  assert.deepEqual(warnings('destinations: { api: { hosts: [a.example] } }'), ['intents: there is none, so no task can be opened']);
  assert.deepEqual(warnings(`${used}destinations: { api: { hosts: [a.example] }, b: { hosts: [b.example] } }`), [
    'destinations.b: no intent names it, so no task can reach it',
  ]);
  assert.deepEqual(
    warnings('intents: { long: { description: x, destinations: [api], max_ttl: 2h } }\ndestinations: { api: { hosts: [a.example] } }'),
    ['intents.long.max_ttl: is more than tasks.max_ttl, which holds'],
  );
});

test('what may not take the way through the upstream proxy that was meant is named', () => {
  assert.deepEqual(chained('no_proxy: [other.example]', 'api.example'), [
    'upstream_proxy.no_proxy[0]: no destination is there, nor anything else that Exeat calls',
  ]);
  assert.deepEqual(chained('', "'*.api.example', api.example"), [
    'destinations.api.hosts[0]: is dialled directly: a wildcard never goes through the upstream proxy ("no_proxy" may say that it is meant)',
  ]);
  assert.deepEqual(chained("no_proxy: ['*.api.example']", "'*.api.example', a.api.example"), []);
  assert.deepEqual(chained('', 'api.example, 10.0.0.1', 'allow_private: true'), [
    'destinations.api.hosts[0]: goes through the upstream proxy, which "allow_private" does not bind: name it in "no_proxy" to dial it',
  ]);
  assert.deepEqual(chained('', "'*.api.example', api.example", 'allow_private: true, connect_to: "10.0.0.1:443"'), []);
  assert.deepEqual(chained('credentials: { username: a, password: { env: P } }, unsafe_cleartext: true', 'api.example'), [
    'upstream_proxy.unsafe_cleartext: the password travels in clear to the proxy',
  ]);
});
