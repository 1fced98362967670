import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { config as staticConfig, create as createStatic } from '../../src/credentials/static.ts';
import { authorityFor, destinationNamed, exchangeProvider, permitFor, principal, startBroker, temporaryFolder } from '../support/broker.ts';
import { startTokenServer } from '../support/token-server.ts';

const destination = destinationNamed('tickets');

test('No issued credential is shared across agents, subjects, actors, tasks, destinations, audiences or scopes', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer());
  const client = await authorityFor(server.issuer, folder.path);
  const other = destinationNamed('other');
  const audience = destinationNamed('audience');
  const scope = destinationNamed('scope');
  const { broker } = stack.use(
    startBroker({
      folder: folder.path,
      providers: new Map([
        [destination, exchangeProvider(client)],
        [other, exchangeProvider(client)],
        [audience, exchangeProvider(client, { audience: 'https://two.example' })],
        [scope, exchangeProvider(client, { scope: 'tickets:write' })],
      ]),
    }),
  );
  const permits = [
    permitFor({ destination }),
    permitFor({ destination, agent: 'https://issuer.example|other' }),
    permitFor({ destination, subject: 'user' }),
    permitFor({ destination, subject: '' }),
    permitFor({ destination, principal: { ...principal, id: 'https://issuer.example|actor' } }),
    permitFor({ destination, task: 'task_2' }),
    permitFor({ destination: other }),
    permitFor({ destination: audience }),
    permitFor({ destination: scope }),
  ];
  const cold = await Promise.all(permits.map(async (permit) => broker.obtain(permit)));
  assert.equal(new Set(cold.map((credential) => credential?.lease.id)).size, permits.length);
  const warm = await Promise.all(permits.map(async (permit) => broker.obtain(permit)));
  assert.deepEqual(
    warm.map((credential) => credential?.lease.id),
    cold.map((credential) => credential?.lease.id),
  );
});

test('A static secret is one lease for each task and destination, marked shared and legacy in lease and audit', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const file = join(folder.path, 'secret');
  writeFileSync(file, 'abc\n');
  const crm = destinationNamed('crm', { credentialKind: 'static' });
  const settings = staticConfig.parse({ kind: 'static', header: 'X-Api-Key', value: { file }, expires: '2999-01-31', reason: 'no OAuth' });
  const { broker, audit } = stack.use(startBroker({ folder: folder.path, providers: new Map([[crm, createStatic(settings)]]) }));
  const one = await broker.obtain(permitFor({ destination: crm }));
  const two = await broker.obtain(permitFor({ destination: crm, task: 'task_2' }));
  assert.notEqual(one?.lease.id, two?.lease.id);
  assert.equal(one?.lease.fingerprint, two?.lease.fingerprint);
  assert.ok(one?.lease.shared === true && one.lease.legacy);
  const [outcome] = await broker.revokeTask('task_1');
  assert.deepEqual(outcome, { lease: one.lease.id, destination: 'crm', outcome: 'not_revocable', deadBy: Date.parse('2999-02-01') });
  assert.deepEqual(audit.kinds(), ['issued', 'issued', 'revocation_failed']);
  assert.ok(audit.credentialEvents().every(({ shared, legacy }) => shared === true && legacy === true));
  assert.deepEqual(
    broker.leases('task_2').map(({ id }) => id),
    [two?.lease.id],
    'the other task still uses it',
  );
});
