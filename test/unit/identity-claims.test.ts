import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsecuredJWT } from 'jose';
import { readClaims } from '../../src/identity/claims.ts';

const exp = 1_795_000_600;

function token(claims: Readonly<Record<string, unknown>>): string {
  // `signed` in form only: nobody checks our own proof here.
  return `${new UnsecuredJWT({ exp, ...claims }).encode()}c2ln`;
}

test('A projected service-account token names its namespace, service account, pod and node, and nothing else', () => {
  const { principal, audiences, expiresAt } = readClaims(
    token({
      iss: 'https://oidc.cluster.example',
      sub: 'system:serviceaccount:agents:triage',
      aud: ['https://idp.example'],
      'kubernetes.io': {
        namespace: 'agents',
        serviceaccount: { name: 'triage', uid: 'u1' },
        pod: { name: 'triage-7f9', uid: 'u2' },
        node: { name: 'n1', uid: 'u3' },
        warnafter: 1,
      },
      email: 'someone@example.com',
    }),
    0,
  );
  assert.deepEqual(principal, {
    id: 'https://oidc.cluster.example|system:serviceaccount:agents:triage',
    issuer: 'https://oidc.cluster.example',
    subject: 'system:serviceaccount:agents:triage',
    kind: 'k8s-sa',
    attributes: { namespace: 'agents', service_account: 'triage', pod: 'triage-7f9', node: 'n1' },
  });
  assert.deepEqual(audiences, ['https://idp.example']);
  assert.equal(expiresAt, exp * 1000);
});

test('A JWT-SVID is named by its SPIFFE ID, with the trust domain as issuer where it has none', () => {
  const { principal } = readClaims(token({ sub: 'spiffe://acme.example/agents/triage', aud: 'a' }), 0);
  assert.deepEqual(
    [principal.id, principal.issuer, principal.kind],
    ['spiffe://acme.example/agents/triage', 'spiffe://acme.example', 'jwt-svid'],
  );
});

test('Any other token is named by its issuer and subject together', () => {
  const { principal } = readClaims(token({ iss: 'https://token.actions.example', sub: 'repo:acme/app', aud: 'a' }), 0);
  assert.deepEqual([principal.id, principal.kind], ['https://token.actions.example|repo:acme/app', 'oidc']);
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['something that is not a JWT', 'abc', /not a JWT/],
  ['a token without exp', token({ iss: 'i', sub: 's', exp: undefined }), /no "exp"/],
  ['a token whose exp is text', token({ iss: 'i', sub: 's', exp: '1' }), /no "exp"|not a JWT/],
  ['a token without sub', token({ iss: 'i' }), /no "sub"/],
  ['a token without iss', token({ sub: 's' }), /no "iss"/],
  ['an issuer that could be read as issuer and subject', token({ iss: 'a|b', sub: 's' }), /"iss"/],
  ['a SPIFFE ID with a dot segment', token({ sub: 'spiffe://acme.example/a/../b' }), /SPIFFE/],
  ['a SPIFFE ID with a trailing slash', token({ sub: 'spiffe://acme.example/a/' }), /SPIFFE/],
  ['a SPIFFE ID with an upper-case trust domain', token({ sub: 'spiffe://Acme.example/a' }), /SPIFFE/],
  ['a SPIFFE ID with user info', token({ sub: 'spiffe://u@acme.example/a' }), /SPIFFE/],
  [
    'a token for the API server',
    token({ iss: 'https://c', sub: 's', aud: ['https://kubernetes.default.svc'], 'kubernetes.io': {} }),
    /API server/,
  ],
  [
    "a token for the cluster's own issuer",
    token({ iss: 'https://c', sub: 's', aud: ['https://c', 'https://kubernetes.default.svc.cluster.local'], 'kubernetes.io': {} }),
    /API server/,
  ],
];

for (const [name, jwt, problem] of refused) {
  test(`Refused as a proof of identity: ${name}`, () => {
    assert.throws(
      () => readClaims(jwt, 0),
      (error: Error) => problem.test(error.message) && !error.message.includes(jwt) && error.cause === undefined,
    );
  });
}
