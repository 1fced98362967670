import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { agent, assertion, startAuthorityFixture, tickets, tokenType } from '../support/authority.ts';
import type { AuthorityFixture } from '../support/authority.ts';

const folder = mkdtempSync(join(tmpdir(), 'exeat-authority-'));
after(() => rmSync(folder, { recursive: true }));
const secretFile = join(folder, 'api.secret');
writeFileSync(secretFile, 's3cret/+:\n');

const api = { secret: { file: secretFile }, resources: [tickets] };
const basic = (id: string, secret: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from([id, secret].map(encodeURIComponent).join(':')).toString('base64')}`,
});
const asApi = basic('api', 's3cret/+:');
const other = 'spiffe://acme.example/agents/other';

async function introspect(fixture: AuthorityFixture, token: string, headers = asApi): Promise<Record<string, unknown>> {
  const response = await fixture.post('/introspect', { token }, headers);
  assert.equal(response.status, 200);
  return (await response.json()) as Record<string, unknown>;
}

async function revoke(fixture: AuthorityFixture, token: string, subject = agent): Promise<Response> {
  return fixture.post('/revoke', { token, ...assertion(await fixture.workloadToken(subject)) });
}

test('a resource server sees a live token with its claims, by secret or by bearer', async () => {
  await using fixture = await startAuthorityFixture({ introspection_clients: { api } });
  const { access_token: token } = await fixture.exchange({ task_id: 'task_1' });
  for (const headers of [asApi, { authorization: 'Bearer s3cret/+:' }]) {
    const { active, iss, aud, sub, client_id: client, scope, token_type: type, task_id: task } = await introspect(fixture, token, headers);
    assert.deepEqual(
      [active, iss, aud, sub, client, scope, type, task],
      [true, fixture.authority.issuer, tickets, agent, agent, 'tickets:read', 'Bearer', 'task_1'],
    );
  }
});

test('introspection without good credentials is 401 with a challenge', async () => {
  await using fixture = await startAuthorityFixture({ introspection_clients: { api } });
  const { access_token: token } = await fixture.exchange();
  for (const headers of [
    {},
    basic('api', 'wrong'),
    basic('nobody', 's3cret/+:'),
    { authorization: 'Bearer wrong' },
    { authorization: 'Basic !' },
    { authorization: 'Digest x' },
  ]) {
    const response = await fixture.post('/introspect', { token }, headers);
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate') ?? '', /Basic realm=/);
    assert.equal(((await response.json()) as { error: string }).error, 'invalid_client');
  }
});

test('a resource server is told nothing about tokens for others', async () => {
  await using fixture = await startAuthorityFixture({ introspection_clients: { api } });
  const { access_token: token } = await fixture.exchange({ resource: 'https://other.example', scope: 'other' });
  assert.deepEqual(await introspect(fixture, token), { active: false });
  const response = await fixture.post('/revoke', { token }, asApi);
  assert.equal(response.status, 400);
});

test('what is no token of this authority is not active, and revoking it is a success', async () => {
  await using fixture = await startAuthorityFixture({ introspection_clients: { api } });
  for (const token of ['x', await fixture.workloadToken(), `${(await fixture.exchange()).access_token}x`]) {
    assert.deepEqual(await introspect(fixture, token), { active: false });
    const response = await revoke(fixture, token);
    assert.deepEqual([response.status, await response.text()], [200, '']);
  }
  assert.equal(fixture.authority.counters.revoked, 0);
});

test('only the client that a token was issued to, or its resource server, can revoke it', async () => {
  await using fixture = await startAuthorityFixture({ introspection_clients: { api } });
  const { access_token: token } = await fixture.exchange();
  const refused = await revoke(fixture, token, other);
  assert.deepEqual([refused.status, ((await refused.json()) as { error: string }).error], [400, 'invalid_grant']);
  assert.equal((await introspect(fixture, token))['active'], true);
  assert.equal((await fixture.post('/revoke', { token }, asApi)).status, 200);
  assert.deepEqual(await introspect(fixture, token), { active: false });
});

test('the same subject at two issuers is two clients', async () => {
  await using fixture = await startAuthorityFixture();
  const [{ issuer: url }, sub] = [fixture.authority, 'system:serviceaccount:agents:triage'];
  const { createWorkloadIssuer } = await import('../support/workload-issuer.ts');
  const [east, west] = [await createWorkloadIssuer('https://east.example'), await createWorkloadIssuer('https://west.example')];
  await using two = await startAuthorityFixture({
    issuer: url,
    trusted_issuers: [east, west].map(({ issuer, jwks }) => ({ issuer, jwks })),
  });
  const [mine, theirs] = [await east.token({ sub, aud: url }), await west.token({ sub, aud: url })];
  const { access_token: token } = await two.exchange({ ...assertion(mine), subject_token: mine });
  assert.equal((await two.post('/revoke', { token, ...assertion(theirs) })).status, 400);
  assert.equal((await two.post('/revoke', { token, ...assertion(mine) })).status, 200);
});

test('a revoked token cannot be exchanged, and what came from it is dead too', async () => {
  await using fixture = await startAuthorityFixture({ introspection_clients: { api } });
  const { access_token: first } = await fixture.exchange();
  const onward = { subject_token: first, subject_token_type: `${tokenType}access_token` };
  const { access_token: second } = await fixture.exchange(onward);
  assert.equal((await introspect(fixture, second))['active'], true);
  await revoke(fixture, first);
  assert.deepEqual(await introspect(fixture, second), { active: false });
  assert.equal((await fixture.post('/token', await fixture.exchangeForm(onward))).status, 400);
});

test('a token is not active from the second in which it expires', async () => {
  let shiftMs = 0;
  await using fixture = await startAuthorityFixture({ introspection_clients: { api }, token_ttl: '1m', now: () => Date.now() + shiftMs });
  const { access_token: token } = await fixture.exchange();
  shiftMs = 50_000;
  assert.equal((await introspect(fixture, token))['active'], true);
  shiftMs = 60_000;
  assert.deepEqual(await introspect(fixture, token), { active: false });
});

test('what was issued for a task can be found by it, and events and counters tell what happened', async () => {
  const events: string[] = [];
  await using fixture = await startAuthorityFixture({ onEvent: (event) => events.push(event.type) });
  const { authority } = fixture;
  const { access_token: token } = await fixture.exchange({ task_id: 'task_1', intent: 'triage' });
  await fixture.exchange({ task_id: 'task_2' });
  await fixture.post('/token', await fixture.exchangeForm({ scope: 'none' }));
  await revoke(fixture, token);
  const [found, ...more] = authority.tokensOf('task_1');
  assert.deepEqual(
    [found?.client, found?.audience, found?.scope, found?.intent, more.length],
    [agent, tickets, 'tickets:read', 'triage', 0],
  );
  assert.ok(found?.revokedAt !== undefined);
  assert.deepEqual(events, ['issued', 'issued', 'refused', 'revoked']);
  assert.deepEqual({ ...authority.counters }, { issued: 2, revoked: 1, introspected: 0, refused: 1, failed: 0, rotated: 0 });
});
