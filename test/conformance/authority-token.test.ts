import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { UnsecuredJWT } from 'jose';
import type { JWTHeaderParameters } from 'jose';
import { agent, startAuthorityFixture, tickets, tokenType } from '../support/authority.ts';
import type { AuthorityFixture } from '../support/authority.ts';
import { createWorkloadIssuer } from '../support/workload-issuer.ts';
import type { TokenClaims } from '../support/workload-issuer.ts';

type Changes = Record<string, string | undefined>;
type Case = readonly [name: string, error: string, changes: Changes | ((fixture: AuthorityFixture) => Changes | Promise<Changes>)];

const nowS = Math.floor(Date.now() / 1000);

/** A token request that is right but for this (RFC 6749 §5.2, RFC 7521, RFC 8693, RFC 8707). */
const parameters: readonly Case[] = [
  ['without grant_type', 'invalid_request', { grant_type: undefined }],
  ['with another grant', 'unsupported_grant_type', { grant_type: 'client_credentials' }],
  ['without subject_token', 'invalid_request', { subject_token: undefined }],
  ['without subject_token_type', 'invalid_request', { subject_token_type: undefined }],
  ['with an empty subject_token, which counts as not sent', 'invalid_request', { subject_token: '' }],
  ['with a refresh token as subject', 'invalid_request', { subject_token_type: `${tokenType}refresh_token` }],
  ['with an ID token as subject', 'invalid_request', { subject_token_type: `${tokenType}id_token` }],
  ['with a SAML assertion as subject', 'invalid_request', { subject_token_type: `${tokenType}saml2` }],
  ['with a subject token type of nobody', 'invalid_request', { subject_token_type: 'jwt' }],
  ['with actor_token_type but no actor_token', 'invalid_request', { actor_token_type: `${tokenType}jwt` }],
  [
    'with actor_token but no actor_token_type',
    'invalid_request',
    (fixture) => fixture.workloadToken().then((jwt) => ({ actor_token: jwt })),
  ],
  ['for a refresh token', 'invalid_request', { requested_token_type: `${tokenType}refresh_token` }],
  ['for an ID token', 'invalid_request', { requested_token_type: `${tokenType}id_token` }],
  ['without resource and audience', 'invalid_target', { resource: undefined }],
  ['for an unknown resource', 'invalid_target', { resource: 'https://elsewhere.example' }],
  ['for a resource that is only a name in the prototype', 'invalid_target', { resource: undefined, audience: 'constructor' }],
  ['for a relative resource', 'invalid_target', { resource: '/tickets' }],
  ['for a resource with a fragment', 'invalid_target', { resource: `${tickets}#x` }],
  ['for two resources at once', 'invalid_target', { audience: 'https://other.example' }],
  ['for a scope that the resource does not have', 'invalid_scope', { scope: 'tickets:read other' }],
  ['for a scope with two spaces in it', 'invalid_scope', { scope: 'tickets:read  tickets:write' }],
  ['with a quote in a scope', 'invalid_scope', { scope: 'tickets:"read' }],
  ['with a task_id that has a space', 'invalid_request', { task_id: 'a b' }],
  ['with a task_id that is too long', 'invalid_request', { task_id: 'x'.repeat(257) }],
  ['without client authentication', 'invalid_client', { client_assertion: undefined, client_assertion_type: undefined }],
  ['without client_assertion_type', 'invalid_client', { client_assertion_type: undefined }],
  [
    'with an unknown client_assertion_type',
    'invalid_client',
    { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' },
  ],
  ['with a client_id that is not the sub', 'invalid_client', { client_id: 'spiffe://acme.example/agents/other' }],
];

/** How a workload JWT can be wrong: refused as client, as subject and as actor alike. */
const tokens: readonly (readonly [name: string, make: (fixture: AuthorityFixture) => Promise<string> | string])[] = [
  ['for another audience', signed({ aud: 'https://other-as.example' })],
  [
    'for this authority and another one',
    ({ authority, workloads }) => workloads.token({ sub: agent, aud: [authority.issuer, 'https://other-as.example'] }),
  ],
  [
    'for the token endpoint instead of the issuer',
    ({ authority, workloads }) => workloads.token({ sub: agent, aud: `${authority.issuer}/token` }),
  ],
  ['for nobody', signed({ aud: undefined })],
  ['that has expired', signed({ exp: nowS - 1 })],
  ['that never expires', signed({ exp: undefined })],
  ['that is not valid yet', signed({ nbf: nowS + 600 })],
  ['from the future', signed({ iat: nowS + 600 })],
  ['without subject', signed({ sub: undefined })],
  ['with a subject of another trust domain', signed({ sub: 'spiffe://evil.example/agents/triage' })],
  ['with a subject that is no SPIFFE ID', signed({ sub: 'spiffe://acme.example/../triage' })],
  ['of an issuer that is not trusted', signed({ iss: 'https://elsewhere.example', sub: 'somebody' })],
  ['with a typ of access tokens', signed({}, { typ: 'at+jwt' })],
  ['with a typ of proofs', signed({}, { typ: 'dpop+jwt' })],
  ['with a kid that nobody has', signed({}, { kid: 'other' })],
  ['with a critical header', critical],
  ['that is not signed', ({ authority }) => new UnsecuredJWT({ iss: 'spiffe://acme.example', ...good(authority.issuer) }).encode()],
  ['signed by HMAC with the public key as its secret', confused],
  [
    'signed by a key of somebody else',
    async ({ authority }) => (await createWorkloadIssuer('spiffe://acme.example')).token(good(authority.issuer)),
  ],
  ['whose signature is cut short', async (fixture) => (await fixture.workloadToken()).slice(0, -4)],
  ['whose payload was changed', changedPayload],
  ['that is no JWT', () => 'not-a-token'],
];

suite('a token request', () => {
  let fixture: AuthorityFixture;
  before(async () => {
    fixture = await startAuthorityFixture();
  });
  after(() => fixture.authority.close());

  async function refused(changes: Changes, error: string): Promise<void> {
    const response = await fixture.post('/token', await fixture.exchangeForm(changes));
    assert.equal(response.status, 400);
    assert.equal(response.headers.get('cache-control'), 'no-store');
    const body = (await response.json()) as Record<string, unknown>;
    assert.equal(body['error'], error);
    assert.match(String(body['error_description']), /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    assert.deepEqual(Object.keys(body), ['error', 'error_description']);
  }

  for (const [name, error, changes] of parameters) {
    test(`${name} is ${error}`, async () => {
      await refused(typeof changes === 'function' ? await changes(fixture) : changes, error);
    });
  }

  for (const [name, make] of tokens) {
    test(`with a token ${name} is refused, be it client_assertion, subject_token or actor_token`, async () => {
      const jwt = await make(fixture);
      await refused({ client_assertion: jwt }, 'invalid_client');
      await refused({ subject_token: jwt }, 'invalid_request');
      await refused({ actor_token: jwt, actor_token_type: `${tokenType}jwt` }, 'invalid_request');
    });
  }

  test('that is right is answered with exactly the fields of RFC 8693', async () => {
    const answer = await fixture.exchange();
    assert.deepEqual(
      { ...answer, access_token: typeof answer.access_token },
      { access_token: 'string', issued_token_type: `${tokenType}access_token`, token_type: 'Bearer', expires_in: 300 },
    );
  });

  test('is answered with the granted scope where it is not the one asked for', async () => {
    assert.equal((await fixture.exchange({ scope: undefined }))['scope'], 'tickets:read tickets:write');
    assert.equal((await fixture.exchange({ scope: 'tickets:read tickets:read' }))['scope'], 'tickets:read');
  });

  test('may ask for a jwt and is told that it got one', async () => {
    assert.equal((await fixture.exchange({ requested_token_type: `${tokenType}jwt` }))['issued_token_type'], `${tokenType}jwt`);
  });

  test('may name its target as audience, also beside the same resource', async () => {
    await fixture.exchange({ resource: undefined, audience: tickets });
    await fixture.exchange({ audience: tickets });
  });

  test('may repeat its assertion: a workload JWT serves until it expires', async () => {
    const jwt = await fixture.workloads.token({ sub: agent, aud: [fixture.authority.issuer], jti: 'same' });
    await fixture.exchange({ client_assertion: jwt, subject_token: jwt });
    await fixture.exchange({ client_assertion: jwt, subject_token: jwt, client_id: agent });
  });

  test('may carry a JWT-SVID under the SPIFFE assertion type, or a JWT typed as client authentication', async () => {
    await fixture.exchange({ client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe' });
    const typed = await fixture.workloads.token({ ...good(fixture.authority.issuer) }, { typ: 'client-authentication+jwt' });
    await fixture.exchange({ client_assertion: typed });
  });
});

function good(audience: string): { sub: string; aud: string; iat: number; exp: number } {
  return { sub: agent, aud: audience, iat: nowS, exp: nowS + 600 };
}

function signed(claims: TokenClaims, header?: Partial<JWTHeaderParameters>): (fixture: AuthorityFixture) => Promise<string> {
  return ({ authority, workloads }) => workloads.token({ ...good(authority.issuer), ...claims }, header);
}

/** RFC 8725 §2.1: the verifier must not take an RSA or EC public key for an HMAC secret. */
function confused({ authority, workloads }: AuthorityFixture): string {
  const text = [
    { alg: 'HS256', typ: 'JWT', kid: 'k1' },
    { iss: workloads.issuer, ...good(authority.issuer) },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${createHmac('sha256', JSON.stringify(workloads.publicJwk)).update(text).digest('base64url')}`;
}

async function critical({ authority, workloads }: AuthorityFixture): Promise<string> {
  const { CompactSign } = await import('jose');
  return new CompactSign(Buffer.from(JSON.stringify({ iss: workloads.issuer, ...good(authority.issuer) })))
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: 'k1', crit: ['exp'], exp: nowS + 600 })
    .sign(workloads.key, { crit: { exp: true } });
}

async function changedPayload(fixture: AuthorityFixture): Promise<string> {
  const [header, , signature] = (await fixture.workloadToken()).split('.');
  const payload = Buffer.from(JSON.stringify({ ...good(fixture.authority.issuer), sub: 'spiffe://acme.example/agents/admin' })).toString(
    'base64url',
  );
  return [header, payload, signature].join('.');
}
