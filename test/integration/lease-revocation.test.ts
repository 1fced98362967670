import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  authorityFor,
  destinationNamed,
  eventually,
  exchangeProvider,
  permitFor,
  startBroker,
  temporaryFolder,
} from '../support/broker.ts';
import type { BrokerFixtureOptions } from '../support/broker.ts';
import { goodToken, startTokenServer } from '../support/token-server.ts';

const destination = destinationNamed('tickets');

async function startWith(options: Partial<BrokerFixtureOptions> = {}, metadata: Readonly<Record<string, unknown>> = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer(metadata));
  const client = await authorityFor(server.issuer, folder.path, { now: options.now });
  const providers = options.providers ?? new Map([[destination, exchangeProvider(client, {}, options.now)]]);
  let current = startBroker({ folder: folder.path, ...options, providers });
  stack.defer(() => current[Symbol.asyncDispose]());
  return {
    server,
    folder: folder.path,
    get now() {
      return current;
    },
    obtain: async (task = 'task_1') => current.broker.obtain(permitFor({ destination, task })),
    /** Another process on the same state folder. `ended`: tasks that the task store knows to be over. */
    async restart(ended: readonly string[] = [], before: () => void = () => undefined) {
      await current[Symbol.asyncDispose]();
      before();
      current = startBroker({ folder: folder.path, ...options, providers });
      for (const id of ended) current.ended.add(id);
      return current.broker.resume();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('All leases of a task are revoked side by side, each with its own outcome', async () => {
  await using rig = await startWith();
  rig.server.script('/token', goodToken(), goodToken());
  const first = await rig.obtain();
  assert.ok(first);
  rig.now.broker.evict(first);
  await rig.obtain();
  const outcomes = await rig.now.broker.revokeTask('task_1');
  assert.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ['revoked', 'revoked'],
    'also the one that a 401 had evicted is in the report',
  );
});

test('Without introspection the proof is that the authority accepted', async () => {
  await using rig = await startWith({}, { introspection_endpoint: undefined });
  await rig.obtain();
  const [outcome] = await rig.now.broker.revokeTask('task_1');
  assert.ok(outcome?.outcome === 'revoked' && outcome.proof === 'accepted');
});

test('Introspection that fails leaves the weaker proof', async () => {
  await using rig = await startWith();
  rig.server.script('/introspect', { status: 403, json: { error: 'access_denied' } });
  await rig.obtain();
  const [outcome] = await rig.now.broker.revokeTask('task_1');
  assert.ok(outcome?.outcome === 'revoked' && outcome.proof === 'accepted');
});

test('A token that introspection still calls active is not reported as revoked, and is revoked again', async () => {
  await using rig = await startWith();
  rig.server.script('/introspect', { json: { active: true } }, { json: { active: false } });
  await rig.obtain();
  const [outcome] = await rig.now.broker.revokeTask('task_1');
  assert.equal(outcome?.outcome, 'pending');
  await eventually(() => rig.now.audit.kinds().includes('revoked'), 'it is revoked in the end');
});

test('A revocation that fails is pending, is told once, and is tried again until it succeeds', async () => {
  await using rig = await startWith();
  const down = { status: 503, text: '' };
  rig.server.script('/revoke', down, down, down, { status: 200, text: '' });
  const credential = await rig.obtain();
  const [outcome] = await rig.now.broker.revokeTask('task_1');
  assert.deepEqual(outcome, {
    lease: credential?.lease.id,
    destination: 'tickets',
    outcome: 'pending',
    deadBy: credential?.lease.expiresAt,
  });
  await eventually(() => rig.now.audit.kinds().includes('revoked'), 'it is revoked in the end');
  assert.deepEqual(rig.now.audit.kinds(), ['issuing', 'issued', 'revocation_failed', 'revoked']);
  assert.deepEqual(rig.now.broker.leases('task_1'), []);
});

test('An authority that hangs at revocation holds up the end of a task for one time limit', async () => {
  await using rig = await startWith({ limits: { revokeTimeoutMs: 100 } });
  rig.server.script('/revoke', () => undefined);
  await rig.obtain();
  const startedAt = Date.now();
  const [outcome] = await rig.now.broker.revokeTask('task_1');
  assert.equal(outcome?.outcome, 'pending');
  assert.ok(Date.now() - startedAt < 1000);
});

test('A lease that cannot be revoked before it expires is counted down and recorded as expired', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  rig.server.script('/revoke', { status: 500, text: '' });
  await rig.obtain();
  await rig.now.broker.revokeTask('task_1');
  time += 301_000;
  await eventually(() => rig.now.audit.kinds().includes('expired'), 'it expires');
  const revocations = rig.server.paths().length;
  time += 60_000;
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  assert.equal(rig.server.paths().length, revocations, 'nobody is asked about a dead token');
});

test('A lease at an authority without revocation is not revocable: the report says until when it lives', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time }, { revocation_endpoint: undefined });
  const credential = await rig.obtain();
  assert.equal(credential?.lease.revocation, 'none');
  const [outcome] = await rig.now.broker.revokeTask('task_1');
  assert.deepEqual([outcome?.outcome, outcome?.deadBy], ['not_revocable', credential?.lease.expiresAt]);
  assert.equal(rig.now.broker.leases('task_1').length, 1, 'it is counted down');
  time += 301_000;
  await eventually(() => rig.now.audit.kinds().includes('expired'), 'it expires');
  assert.deepEqual(rig.now.broker.leases('task_1'), []);
});

test('unsupported_token_type means that this authority cannot revoke such tokens', async () => {
  await using rig = await startWith();
  rig.server.script('/revoke', { status: 400, json: { error: 'unsupported_token_type' } });
  await rig.obtain();
  const [outcome] = await rig.now.broker.revokeTask('task_1');
  assert.equal(outcome?.outcome, 'not_revocable');
});

test('A restart loses no lease: those of ended tasks are revoked, those of open tasks when they end', async () => {
  await using rig = await startWith();
  await rig.obtain('over');
  await rig.obtain('open');
  const outcomes = await rig.restart(['over']);
  assert.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ['revoked'],
  );
  assert.deepEqual(rig.now.audit.kinds(), ['revoked']);
  assert.equal(rig.now.broker.leases('open').length, 1);
  const [outcome] = await rig.now.broker.revokeTask('open');
  assert.equal(outcome?.outcome, 'revoked');
});

test('A credential whose issuance got no answer is unknown, also after a restart, until it must be dead', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  rig.server.script('/token', (response) => void response.socket?.destroy());
  await assert.rejects(rig.obtain(), { code: 'credential_unavailable' });
  const events = rig.now.audit.credentialEvents().filter(({ kind }) => kind === 'credential.unknown');
  assert.equal(events.length, 2, 'it is tried once more');
  const told = events
    .map(({ lease, dead_by: deadBy }) => ({ lease, destination: 'tickets', outcome: 'unknown', deadBy }))
    .toSorted((a, b) => (a.lease < b.lease ? -1 : 1));
  assert.equal((await rig.now.broker.revokeTask('task_1')).length, 2);
  await rig.restart();
  assert.deepEqual(
    rig.now.broker.leases('task_1').map(({ id, unknown }) => [id, unknown]),
    told.map(({ lease }) => [lease, true]),
  );
  assert.deepEqual(await rig.now.broker.revokeTask('task_1'), told);
  assert.deepEqual(rig.now.audit.kinds(), [], 'it is on record already');
  time = Math.max(...told.map(({ deadBy = 0 }) => deadBy));
  await eventually(() => rig.now.broker.leases('task_1').length === 0, 'nothing is left of it');
  await rig.restart();
  assert.deepEqual(await rig.now.broker.revokeTask('task_1'), []);
});

test('A revocation that was pending goes on after a restart, with the token from the sealed journal', async () => {
  await using rig = await startWith({ limits: { firstBackoffMs: 60_000 } });
  rig.server.script('/token', goodToken({ access_token: 'the-very-token' }));
  rig.server.script('/revoke', { status: 503, text: '' });
  await rig.obtain();
  await rig.now.broker.revokeTask('task_1');
  const outcomes = await rig.restart([], () => rig.server.script('/revoke', { status: 200, text: '' }));
  assert.equal(outcomes[0]?.outcome, 'revoked');
  assert.equal(rig.server.seen.findLast(({ path }) => path === '/revoke')?.form.get('token'), 'the-very-token');
  await rig.restart();
  assert.deepEqual(rig.now.audit.kinds(), [], 'nothing is left to do');
});

test('A process that is killed loses no lease: the next one on its folder revokes it', async () => {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer());
  const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve('../support/broker-child.ts')), path, server.issuer]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const providers = new Map([[destination, exchangeProvider(await authorityFor(server.issuer, path))]]);
  const { broker, ended } = stack.use(startBroker({ folder: path, providers }));
  ended.add('task_1');
  const outcomes = await broker.resume();
  assert.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ['revoked'],
  );
});

test('A lease whose record cannot be unsealed is counted down', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  await rig.obtain('over');
  const [outcome] = await rig.restart(['over'], () => rmSync(join(rig.folder, 'sealing.key')));
  assert.equal(outcome?.outcome, 'not_revocable');
  assert.match(rig.now.audit.credentialEvents()[0]?.reason ?? '', /unsealed/);
  time += 301_000;
  await eventually(() => rig.now.audit.kinds().includes('expired'), 'it expires');
});

test('The report of a task whose leases were revoked at start still names them', async () => {
  await using rig = await startWith();
  await rig.obtain('over');
  await rig.restart(['over']);
  const outcomes = await rig.now.broker.revokeTask('over');
  assert.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ['revoked'],
  );
});

test('A lease of an authority that is not configured any more is never sent to another one', async () => {
  await using folder = new AsyncDisposableStack();
  const { path } = folder.use(temporaryFolder());
  await using before = await startTokenServer();
  await using after = await startTokenServer();
  const provider = async (issuer: string) => new Map([[destination, exchangeProvider(await authorityFor(issuer, path))]]);
  {
    await using first = startBroker({ folder: path, providers: await provider(before.issuer) });
    await first.broker.obtain(permitFor({ destination }));
  }
  await using second = startBroker({ folder: path, providers: await provider(after.issuer) });
  second.ended.add('task_1');
  const outcomes = await second.broker.resume();
  assert.equal(outcomes[0]?.outcome, 'pending');
  assert.deepEqual(after.paths(), []);
});

test('A process that died while it asked leaves a credential that nobody knows of: it is recorded with the time it can live to', async () => {
  await using rig = await startWith({ limits: { issueTimeoutMs: 60_000 } });
  rig.server.script('/token', () => undefined);
  rig.obtain().catch(() => undefined);
  await eventually(() => rig.server.paths().includes('/token'), 'the authority is asked');
  await rig.restart();
  const [unknown] = rig.now.audit.credentialEvents();
  assert.equal(unknown?.kind, 'credential.unknown');
  assert.ok((unknown?.dead_by ?? 0) > Date.now() + 300_000);
  await rig.restart();
  assert.deepEqual(rig.now.audit.kinds(), [], 'it is told once');
});

test('A lease that expired while no process ran is recorded as expired at the next start', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  await rig.obtain();
  time += 301_000;
  await rig.restart();
  await eventually(() => rig.now.audit.kinds().includes('expired'), 'it is recorded');
  assert.ok(!rig.server.paths().includes('/revoke'));
});

test('An ended task whose leases nobody revoked is noticed', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  await rig.obtain();
  rig.now.ended.add('task_1');
  await new Promise((resolve) => {
    setTimeout(resolve, 30);
  });
  assert.ok(!rig.server.paths().includes('/revoke'), 'it may be draining');
  time += 121_000;
  await eventually(() => rig.server.paths().includes('/revoke'), 'it is revoked');
});
