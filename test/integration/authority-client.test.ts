import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { agent, insecure, startAuthorityFixture, tickets, tokenType, workloadAuth } from '../support/authority.ts';
import type { AuthorityFixture } from '../support/authority.ts';

const client: oauth.Client = { client_id: agent };

async function discover({ authority }: AuthorityFixture): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(authority.issuer);
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  return oauth.processDiscoveryResponse(issuer, response);
}

async function exchanged(as: oauth.AuthorizationServer, jwt: string): Promise<oauth.TokenEndpointResponse> {
  const response = await oauth.genericTokenEndpointRequest(
    as,
    client,
    workloadAuth(jwt),
    'urn:ietf:params:oauth:grant-type:token-exchange',
    { subject_token: jwt, subject_token_type: `${tokenType}jwt`, resource: tickets, scope: 'tickets:read', task_id: 'task_1' },
    insecure,
  );
  return oauth.processGenericTokenEndpointResponse(as, client, response);
}

test('a standard client discovers the authority, exchanges its identity, and any verifier can check the token', async () => {
  await using fixture = await startAuthorityFixture();
  const as = await discover(fixture);
  const token = await exchanged(as, await fixture.workloadToken());
  const { payload, protectedHeader } = await jwtVerify(token.access_token, createRemoteJWKSet(new URL(as.jwks_uri ?? '')), {
    issuer: fixture.authority.issuer,
    audience: tickets,
    typ: 'at+jwt',
  });
  assert.equal(protectedHeader.alg, 'ES256');
  assert.equal(payload.sub, agent);
  assert.equal(payload['task_id'], 'task_1');
});

test('the moment a token is revoked, introspection says that it is not active', async () => {
  await using fixture = await startAuthorityFixture();
  const as = await discover(fixture);
  const jwt = await fixture.workloadToken();
  const { access_token: token } = await exchanged(as, jwt);
  const introspect = async (): Promise<oauth.IntrospectionResponse> =>
    oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, workloadAuth(jwt), token, insecure));

  const before = await introspect();
  assert.equal(before.active, true);
  assert.equal(before.client_id, agent);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, workloadAuth(jwt), token, insecure));
  assert.deepEqual(await introspect(), { active: false });
});
