import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { startAuthority } from '../../src/authority/authority.ts';
import { config as localConfig, create as createLocal, publicKeysFile } from '../../src/identity/local.ts';
import { authorityFor, destinationNamed, exchangeProvider, headerOf, permitFor, startBroker, temporaryFolder } from '../support/broker.ts';

const audience = 'https://tickets.example.com';
const destination = destinationNamed('tickets');

async function startReal() {
  const folder = temporaryFolder();
  const identityFolder = join(folder.path, 'identity');
  const identity = await createLocal(localConfig.parse({ source: 'local' }), { folder: identityFolder });
  const issuer = identity.principal()?.issuer ?? '';
  const authority = await startAuthority({
    listen: '127.0.0.1:0',
    trusted_issuers: [{ issuer, jwks_file: publicKeysFile(identityFolder) }],
    resources: { [audience]: { scopes: ['tickets:read', 'tickets:write'] } },
    introspection_clients: {},
  });
  const client = await authorityFor(authority.issuer, folder.path, { identity });
  return {
    folder: folder.path,
    identity,
    authority,
    client,
    async [Symbol.asyncDispose]() {
      await authority.close();
      folder[Symbol.dispose]();
    },
  };
}

test('A workload identity becomes a short token for one audience, with the task, the intent and the acting agent in it', async () => {
  await using real = await startReal();
  await using fixture = startBroker({
    folder: join(real.folder, 'state'),
    providers: new Map([[destination, exchangeProvider(real.client)]]),
  });
  const credential = await fixture.broker.obtain(permitFor({ destination }));
  assert.equal(credential?.headers[0]?.[0], 'authorization');
  const claims = decodeJwt(headerOf(credential).replace('Bearer ', ''));
  assert.equal(claims.aud, audience);
  assert.equal(claims['scope'], 'tickets:read');
  assert.equal(claims['task_id'], 'task_1');
  assert.equal(claims['intent'], 'triage');
  assert.equal((claims['act'] as { sub: string }).sub, real.identity.principal()?.subject);
  assert.ok((claims.exp ?? 0) * 1000 <= Date.now() + 300_000);
  const deadAfterExpMs = (credential?.lease.expiresAt ?? 0) - (claims.exp ?? 0) * 1000;
  assert.ok(deadAfterExpMs >= 0 && deadAfterExpMs < 1000, 'the lease never claims to be dead before the token is');
  assert.deepEqual(fixture.audit.kinds(), ['issuing', 'issued']);
});

test('Without actor_token none is sent', async () => {
  await using real = await startReal();
  const provider = exchangeProvider(real.client, { actor_token: false });
  await using fixture = startBroker({ folder: join(real.folder, 'state'), providers: new Map([[destination, provider]]) });
  const claims = decodeJwt(headerOf(await fixture.broker.obtain(permitFor({ destination }))).replace('Bearer ', ''));
  assert.equal(claims['act'], undefined);
});

test('When the task ends its tokens are revoked at the authority, and introspection proves it', async () => {
  await using real = await startReal();
  await using fixture = startBroker({
    folder: join(real.folder, 'state'),
    providers: new Map([[destination, exchangeProvider(real.client)]]),
  });
  const credential = await fixture.broker.obtain(permitFor({ destination }));
  assert.equal(real.authority.tokensOf('task_1').length, 1);
  fixture.ended.add('task_1');
  const outcomes = await fixture.broker.revokeTask('task_1');
  assert.deepEqual(outcomes, [
    { lease: credential?.lease.id, destination: 'tickets', outcome: 'revoked', proof: 'introspected', deadBy: credential?.lease.expiresAt },
  ]);
  assert.deepEqual(fixture.broker.leases('task_1'), []);
  const [, , revoked] = fixture.audit.credentialEvents();
  assert.equal(revoked?.kind, 'credential.revoked');
  assert.equal(revoked?.proof, 'introspected');
  assert.equal(revoked?.dead_by, credential?.lease.expiresAt);
});

test('An audience that the authority does not know is a refusal for the operator to see, not a retry storm', async () => {
  await using real = await startReal();
  const provider = exchangeProvider(real.client, { audience: 'https://unknown.example' });
  await using fixture = startBroker({ folder: join(real.folder, 'state'), providers: new Map([[destination, provider]]) });
  await assert.rejects(async () => fixture.broker.obtain(permitFor({ destination })), { message: /invalid_target \(configuration\)/ });
  assert.deepEqual(fixture.audit.kinds(), ['issuing', 'refused']);
});

test('The private key of a local identity is readable by its user alone, its public half is beside it', async () => {
  await using real = await startReal();
  const jwks = JSON.parse(readFileSync(publicKeysFile(join(real.folder, 'identity')), 'utf8')) as { keys: Record<string, unknown>[] };
  assert.equal(jwks.keys.length, 1);
  assert.equal(jwks.keys[0]?.['d'], undefined);
});
