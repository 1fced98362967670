import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerResponse } from 'node:http';
import {
  authorityFor,
  destinationNamed,
  eventually,
  exchangeProvider,
  permitFor,
  startBroker,
  temporaryFolder,
} from '../support/broker.ts';
import { startTokenServer } from '../support/token-server.ts';

const destination = destinationNamed('tickets');

/** An authority whose answers to token requests come when the test says so. */
async function startSlow() {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer());
  const waiting: ServerResponse[] = [];
  server.script('/token', (response) => void waiting.push(response));
  const client = await authorityFor(server.issuer, folder.path);
  const providers = new Map([[destination, exchangeProvider(client)]]);
  const fixture = stack.use(startBroker({ folder: folder.path, providers, limits: { revokeTimeoutMs: 500 } }));
  return {
    ...fixture,
    server,
    asked: () => eventually(() => waiting.length > 0, 'the authority is asked'),
    release: () => {
      const answer = {
        access_token: 'late',
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 300,
      };
      for (const response of waiting.splice(0)) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('A credential that arrives after its task has ended is revoked unused, and is in the report', async () => {
  await using rig = await startSlow();
  const obtained = Promise.resolve(rig.broker.obtain(permitFor({ destination }))).then(
    () => 'handed out',
    () => 'refused',
  );
  await rig.asked();
  rig.ended.add('task_1');
  const reported = rig.broker.revokeTask('task_1');
  rig.release();
  assert.equal(await obtained, 'refused');
  const outcomes = await reported;
  assert.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ['revoked'],
  );
  assert.deepEqual(rig.audit.kinds(), ['issuing', 'issued', 'revoked']);
  assert.match(rig.audit.credentialEvents()[2]?.reason ?? '', /revoked unused/);
});

test('It is also revoked when the broker was told before the task store was', async () => {
  await using rig = await startSlow();
  const obtained = Promise.resolve(rig.broker.obtain(permitFor({ destination }))).then(
    () => 'handed out',
    () => 'refused',
  );
  await rig.asked();
  const reported = rig.broker.revokeTask('task_1');
  rig.release();
  assert.equal(await obtained, 'refused');
  assert.equal((await reported)[0]?.outcome, 'revoked');
});

test('A credential that is still under way when the report is made is in it as pending, and is ended when it comes', async () => {
  await using rig = await startSlow();
  const obtained = Promise.resolve(rig.broker.obtain(permitFor({ destination }))).catch(() => undefined);
  await rig.asked();
  rig.ended.add('task_1');
  const [outcome] = await rig.broker.revokeTask('task_1');
  assert.equal(outcome?.outcome, 'pending');
  assert.ok((outcome?.deadBy ?? 0) > Date.now() + 290_000);
  rig.release();
  await obtained;
  await eventually(() => rig.audit.kinds().includes('revoked') || rig.audit.kinds().includes('unknown'), 'it is ended or on record');
});

test('After its end nothing is issued for a task, and nothing cached is handed out', async () => {
  await using rig = await startSlow();
  const first = rig.broker.obtain(permitFor({ destination }));
  await rig.asked();
  rig.release();
  await first;
  rig.ended.add('task_1');
  await rig.broker.revokeTask('task_1');
  await assert.rejects(async () => rig.broker.obtain(permitFor({ destination })), { code: 'credential_unavailable' });
  assert.equal(rig.server.paths().filter((path) => path === '/token').length, 1);
});
