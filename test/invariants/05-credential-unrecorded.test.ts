import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  authorityFor,
  createMemoryAudit,
  destinationNamed,
  eventually,
  exchangeProvider,
  permitFor,
  startBroker,
  temporaryFolder,
} from '../support/broker.ts';
import { startTokenServer } from '../support/token-server.ts';

const destination = destinationNamed('tickets');

test('A credential whose issuance could not be recorded is revoked unused', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer());
  const client = await authorityFor(server.issuer, folder.path);
  const audit = createMemoryAudit((event, log) => {
    if (event.kind === 'credential.issued') log.failure = new Error('disk full');
  });
  const { broker } = stack.use(startBroker({ folder: folder.path, providers: new Map([[destination, exchangeProvider(client)]]), audit }));
  await assert.rejects(async () => broker.obtain(permitFor({ destination })), { code: 'audit_unavailable' });
  await eventually(() => server.paths().includes('/revoke'), 'it is revoked');
});

test('The same where a strict log rejects the event', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer());
  const client = await authorityFor(server.issuer, folder.path);
  const memory = createMemoryAudit();
  const audit = {
    ...memory,
    durability: 'strict' as const,
    append: async (event: Parameters<typeof memory.append>[0]) => {
      await memory.append(event);
      if (event.kind === 'credential.issued') throw new Error('disk full');
    },
  };
  const { broker } = stack.use(startBroker({ folder: folder.path, providers: new Map([[destination, exchangeProvider(client)]]), audit }));
  await assert.rejects(async () => broker.obtain(permitFor({ destination })));
  await eventually(() => memory.kinds().includes('revoked'), 'it is revoked');
});

test('A failing audit log does not stop a revocation', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer());
  const client = await authorityFor(server.issuer, folder.path);
  const { broker, audit } = stack.use(startBroker({ folder: folder.path, providers: new Map([[destination, exchangeProvider(client)]]) }));
  await broker.obtain(permitFor({ destination }));
  audit.failure = new Error('disk full');
  const [outcome] = await broker.revokeTask('task_1');
  assert.equal(outcome?.outcome, 'revoked');
});
