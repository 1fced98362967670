import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { agent, assertion, startAuthorityFixture, tickets, tokenType } from '../support/authority.ts';
import type { AuthorityFixture } from '../support/authority.ts';

const accessToken = `${tokenType}access_token`;
const other = 'spiffe://acme.example/agents/other';
const api = 'spiffe://acme.example/services/tickets';

async function userToken(
  { users, authority }: AuthorityFixture,
  claims = {},
): Promise<{ subject_token: string; subject_token_type: string }> {
  return { subject_token: await users.token({ sub: 'user-123', aud: authority.issuer, ...claims }), subject_token_type: `${tokenType}jwt` };
}

async function refusal(response: Response): Promise<unknown> {
  assert.equal(response.status, 400);
  return ((await response.json()) as { error_description: unknown }).error_description;
}

test('a token for a user says who the user is, who acts, and for which task', async () => {
  await using fixture = await startAuthorityFixture();
  const actor = { actor_token: await fixture.workloadToken(), actor_token_type: `${tokenType}jwt` };
  const { access_token: token } = await fixture.exchange({ ...(await userToken(fixture)), ...actor, task_id: 'task_1', intent: 'triage' });
  const { iat, exp, jti, ...claims } = decodeJwt(token);
  assert.equal(Number(exp) - Number(iat), 300);
  assert.match(String(jti), /^[0-9a-f-]{36}$/);
  assert.deepEqual(claims, {
    iss: fixture.authority.issuer,
    aud: tickets,
    sub: 'user-123',
    sub_id: { format: 'iss_sub', iss: 'https://users.example', sub: 'user-123' },
    client_id: agent,
    scope: 'tickets:read',
    act: { iss: 'spiffe://acme.example', sub: agent },
    task_id: 'task_1',
    intent: 'triage',
  });
});

test('who acts for a user is named even when the client does not ask for it', async () => {
  await using fixture = await startAuthorityFixture();
  const { access_token: token } = await fixture.exchange(await userToken(fixture));
  assert.deepEqual(decodeJwt(token)['act'], { iss: 'spiffe://acme.example', sub: agent });
});

test('a workload that acts for itself has an act claim only when it asks for one', async () => {
  await using fixture = await startAuthorityFixture();
  assert.equal(decodeJwt((await fixture.exchange()).access_token)['act'], undefined);
  const actor = { actor_token: await fixture.workloadToken(), actor_token_type: `${tokenType}jwt` };
  assert.deepEqual(decodeJwt((await fixture.exchange(actor)).access_token)['act'], { iss: 'spiffe://acme.example', sub: agent });
});

test('a client cannot have it recorded that another workload acted', async () => {
  await using fixture = await startAuthorityFixture();
  const actor = { actor_token: await fixture.workloadToken(other), actor_token_type: `${tokenType}jwt` };
  assert.equal(await refusal(await fixture.post('/token', await fixture.exchangeForm(actor))), 'actor_token is not that of the client');
});

test('a subject that names who may act is not handed to anyone else', async () => {
  await using fixture = await startAuthorityFixture();
  await fixture.exchange(await userToken(fixture, { may_act: { sub: agent } }));
  for (const mayAct of [{ sub: other }, { sub: agent, iss: 'https://elsewhere.example' }, agent, {}]) {
    const form = await fixture.exchangeForm(await userToken(fixture, { may_act: mayAct }));
    assert.match(String(await refusal(await fixture.post('/token', form))), /may_act/);
  }
});

test('a user token cannot authenticate a client, nor be an actor', async () => {
  await using fixture = await startAuthorityFixture();
  const { subject_token: jwt } = await userToken(fixture);
  assert.match(String(await refusal(await fixture.post('/token', await fixture.exchangeForm(assertion(jwt))))), /subjects only/);
  const actor = { actor_token: jwt, actor_token_type: `${tokenType}jwt` };
  assert.equal(await refusal(await fixture.post('/token', await fixture.exchangeForm(actor))), 'actor_token is not that of the client');
});

test('an issuer cannot speak for SPIFFE IDs of a trust domain that is not its own', async () => {
  await using fixture = await startAuthorityFixture();
  const form = await fixture.exchangeForm(await userToken(fixture, { sub: agent }));
  assert.match(String(await refusal(await fixture.post('/token', form))), /no key|signature/);
});

test('an access token does not outlive its subject token', async () => {
  await using fixture = await startAuthorityFixture();
  const exp = Math.floor(Date.now() / 1000) + 40;
  const answer = await fixture.exchange(await userToken(fixture, { exp: exp + 0.9 }));
  assert.equal(decodeJwt(answer.access_token).exp, exp);
  assert.ok(Number(answer['expires_in']) <= 40);
});

test('an exchanged access token only narrows: scope, task and life stay inside the first one', async () => {
  await using fixture = await startAuthorityFixture();
  const first = await fixture.exchange({ task_id: 'task_1', intent: 'triage', scope: 'tickets:read' });
  const onward = { subject_token: first.access_token, subject_token_type: accessToken };
  const second = await fixture.exchange({ ...onward, resource: 'https://other.example', scope: undefined });
  assert.equal(second['scope'], 'tickets:read');
  const claims = decodeJwt(second.access_token);
  assert.deepEqual([claims['task_id'], claims['intent'], claims.sub], ['task_1', 'triage', agent]);
  assert.ok(Number(claims.exp) <= Number(decodeJwt(first.access_token).exp));

  const beyond = await fixture.post('/token', await fixture.exchangeForm({ ...onward, scope: 'tickets:write' }));
  assert.equal(((await beyond.json()) as { error: string }).error, 'invalid_scope');
  for (const change of [{ task_id: 'task_2' }, { intent: 'deploy' }]) {
    assert.match(String(await refusal(await fixture.post('/token', await fixture.exchangeForm({ ...onward, ...change })))), /another task/);
  }
});

test('a token without scope is not exchanged for one with scope', async () => {
  await using fixture = await startAuthorityFixture({ resources: { [tickets]: { scopes: ['tickets:read'] }, 'urn:bare': {} } });
  const bare = await fixture.exchange({ resource: 'urn:bare', scope: undefined });
  const answer = await fixture.exchange({ subject_token: bare.access_token, subject_token_type: accessToken, scope: undefined });
  assert.equal(decodeJwt(answer.access_token)['scope'], undefined);
});

test('an access token is worth nothing as a subject in the hands of a workload it was neither issued to nor for', async () => {
  await using fixture = await startAuthorityFixture({
    resources: { [tickets]: { scopes: ['tickets:read'], workloads: [api] }, 'https://other.example': { scopes: ['tickets:read'] } },
  });
  const { access_token: token } = await fixture.exchange(await userToken(fixture));
  const onward = { subject_token: token, subject_token_type: accessToken, resource: 'https://other.example' };
  assert.match(
    String(await refusal(await fixture.post('/token', await fixture.exchangeForm(onward, other)))),
    /neither issued to this client nor for it/,
  );

  const claims = decodeJwt((await fixture.exchange(onward, api)).access_token);
  assert.equal(claims.sub, 'user-123');
  const iss = 'spiffe://acme.example';
  assert.deepEqual(claims['act'], { iss, sub: api, act: { iss, sub: agent } });
});

test('a chain of actors has an end', async () => {
  await using fixture = await startAuthorityFixture({ resources: { [tickets]: { scopes: ['tickets:read'] } } });
  let act: object = { sub: 'actor' };
  for (let depth = 0; depth < 8; depth += 1) act = { sub: 'actor', act };
  assert.match(
    String(await refusal(await fixture.post('/token', await fixture.exchangeForm(await userToken(fixture, { act }))))),
    /act claim/,
  );
  assert.match(
    String(await refusal(await fixture.post('/token', await fixture.exchangeForm(await userToken(fixture, { act: 'x' }))))),
    /act claim/,
  );
});
