import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorityConfig } from '../../src/authority/config.ts';

const trusted = [{ issuer: 'https://issuer.example', jwks: { keys: [] } }];

function problems(settings: object): string[] {
  const { error } = authorityConfig.safeParse({ trusted_issuers: trusted, ...settings });
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
}

test('with an issuer to trust, everything else has a default', () => {
  const { listen, token_ttl: ttl, resources } = authorityConfig.parse({ trusted_issuers: trusted });
  assert.deepEqual([listen, ttl, resources], [{ host: '127.0.0.1', port: 7080 }, 300_000, {}]);
});

test('tokens never live longer than five minutes', () => {
  assert.deepEqual(problems({ token_ttl: '6m' }), ['token_ttl: expected 1s to 5m']);
  assert.deepEqual(problems({ token_ttl: '500ms' }), ['token_ttl: expected 1s to 5m']);
});

test('beyond loopback an https issuer is needed, or the unsafe switch', () => {
  assert.deepEqual(problems({ listen: '0.0.0.0:7080' }), ['issuer: an issuer is needed when listening beyond loopback']);
  assert.match(problems({ listen: '0.0.0.0:7080', issuer: 'http://as.example' })[0] ?? '', /in clear/);
  assert.deepEqual(problems({ listen: '0.0.0.0:7080', issuer: 'https://as.example' }), []);
  assert.deepEqual(problems({ listen: '0.0.0.0:7080', issuer: 'http://as.example', unsafe_cleartext: true }), []);
  assert.deepEqual(problems({ listen: '[::1]:7080' }), []);
});

test('an issuer is a URL without user, query and fragment', () => {
  for (const issuer of ['as.example', 'ftp://as.example', 'https://as.example/?a', 'https://as.example/#a', 'https://a@as.example']) {
    assert.match(problems({ issuer })[0] ?? '', /^issuer: expected an https URL/, issuer);
  }
});

test('each trusted issuer has exactly one source of keys, and it cannot be changed on the way', () => {
  const issuer = 'https://issuer.example';
  const of = (entry: object): string[] => problems({ trusted_issuers: [{ issuer, ...entry }] });
  assert.match(of({})[0] ?? '', /exactly one/);
  assert.match(of({ jwks_file: 'a', jwks_url: 'https://a.example' })[0] ?? '', /exactly one/);
  assert.match(of({ jwks_url: 'http://a.example' })[0] ?? '', /must be https/);
  assert.match(of({ jwks_url: 'http://127.0.0.1/keys' })[0] ?? '', /must be https/);
  assert.match(of({ jwks_url: 'http://a.example', unsafe_cleartext: true })[0] ?? '', /must be https/);
  assert.deepEqual(of({ jwks_url: 'http://127.0.0.1/keys', unsafe_cleartext: true }), []);
  assert.match(of({ issuer: 'spiffe://acme.example', trust_domain: 'other.example', jwks_file: 'a' })[0] ?? '', /trust_domain/);
});

test('nobody trusted, an unknown key, and a scope that is none are refused', () => {
  assert.match(problems({ trusted_issuers: [] })[0] ?? '', /nobody can authenticate/);
  assert.match(problems({ resource: {} })[0] ?? '', /resource/);
  assert.match(problems({ resources: { a: { scopes: ['a b'] } } })[0] ?? '', /not a scope/);
});
