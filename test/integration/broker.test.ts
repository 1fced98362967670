import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal, refusalOf } from '../../src/errors.ts';
import {
  authorityFor,
  createMemoryAudit,
  destinationNamed,
  eventually,
  exchangeProvider,
  headerOf,
  permitFor,
  principal,
  startBroker,
  temporaryFolder,
} from '../support/broker.ts';
import type { BrokerFixtureOptions } from '../support/broker.ts';
import { goodToken, startTokenServer } from '../support/token-server.ts';

const destination = destinationNamed('tickets');

interface Settings extends Partial<BrokerFixtureOptions> {
  readonly provider?: object;
}

/** A broker with one token-exchange destination at a server that does as it is told. */
async function startWith({ provider, ...options }: Settings = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer());
  const client = await authorityFor(server.issuer, folder.path, { now: options.now });
  const providers = options.providers ?? new Map([[destination, exchangeProvider(client, provider, options.now)]]);
  const fixture = stack.use(startBroker({ folder: folder.path, ...options, providers }));
  return { ...fixture, server, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('A hundred simultaneous calls on a cold token make exactly one exchange, and all get the same credential', async () => {
  await using rig = await startWith();
  const all = await Promise.all(Array.from({ length: 100 }, async () => rig.broker.obtain(permitFor({ destination }))));
  assert.deepEqual(rig.server.paths(), ['/token']);
  assert.equal(new Set(all.map((credential) => credential?.lease.id)).size, 1);
});

test('A warm call is answered at once, without a promise', async () => {
  await using rig = await startWith();
  const first = await rig.broker.obtain(permitFor({ destination }));
  const second = rig.broker.obtain(permitFor({ destination }));
  assert.equal(second, first);
});

test('A destination without a credential gets none; one whose provider is missing gets a failure', async () => {
  await using rig = await startWith();
  assert.equal(rig.broker.obtain(permitFor({ destination: destinationNamed('open', { credentialKind: undefined }) })), undefined);
  await assert.rejects(async () => rig.broker.obtain(permitFor({ destination: destinationNamed('lost') })), { code: 'internal_error' });
});

test('Near its end a token is replaced in the background while the old one serves', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  const first = await rig.broker.obtain(permitFor({ destination }));
  time += 240_000;
  const during = rig.broker.obtain(permitFor({ destination }));
  assert.equal(during, first, 'the old one serves');
  await eventually(() => rig.audit.kinds().length === 4, 'a second token is issued');
  await eventually(() => headerOf(rig.broker.obtain(permitFor({ destination })) as never) !== headerOf(first), 'the new one is used');
  assert.deepEqual(rig.server.paths(), ['/token', '/token']);
  assert.equal(rig.broker.leases('task_1').length, 2, 'the old lease is revoked with the task');
});

test('An expired token is never sent: the caller waits for a new one, and fails where there is none', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  const first = await rig.broker.obtain(permitFor({ destination }));
  time += 291_000;
  const second = await rig.broker.obtain(permitFor({ destination }));
  assert.notEqual(headerOf(second), headerOf(first), 'not within the safety margin either');
  time += 301_000;
  rig.server.script('/token', { status: 500, text: 'no' });
  await assert.rejects(async () => rig.broker.obtain(permitFor({ destination })), { code: 'credential_unavailable' });
});

test('A token with a life of seconds is still used, for nine tenths of it', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  rig.server.script('/token', goodToken({ expires_in: 10 }));
  const first = await rig.broker.obtain(permitFor({ destination }));
  time += 5000;
  assert.equal(rig.broker.obtain(permitFor({ destination })), first);
  time += 4500;
  assert.notEqual(await rig.broker.obtain(permitFor({ destination })), first);
});

test('The local cap ends the use of a token that lives longer, and the lease says how long it really lives', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time, provider: { max_ttl: '1m' } });
  rig.server.script('/token', goodToken({ expires_in: 3600 }), goodToken());
  const first = await rig.broker.obtain(permitFor({ destination }));
  assert.ok((first?.lease.expiresAt ?? 0) >= time + 3_599_000);
  time += 61_000;
  assert.notEqual(await rig.broker.obtain(permitFor({ destination })), first);
});

test('A token is not used beyond the life of the workload token that it was issued for', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time, provider: { max_ttl: '1h' } });
  rig.server.script('/token', goodToken({ expires_in: 3600 }));
  const first = await rig.broker.obtain(permitFor({ destination }));
  time += 300_000;
  assert.notEqual(await rig.broker.obtain(permitFor({ destination })), first);
});

test('A failing authority answers 503 with Retry-After and is not asked again before that', async () => {
  await using rig = await startWith({ limits: { firstBackoffMs: 60_000, longestBackoffMs: 60_000 } });
  rig.server.script('/token', { status: 500, text: 'down' });
  const refusals = [];
  for (let call = 0; call < 20; call += 1) {
    refusals.push(
      await Promise.resolve()
        .then(async () => rig.broker.obtain(permitFor({ destination })))
        .catch(refusalOf),
    );
  }
  assert.deepEqual(rig.server.paths(), ['/token']);
  for (const refusal of refusals) {
    assert.ok(refusal !== undefined && isRefusal(refusal) && refusal.refused === 'credential_unavailable');
    assert.ok((refusal.retryAfterS ?? 0) >= 29, 'half a minute at least');
  }
});

test('Another destination of the same failing authority waits with the first one', async () => {
  await using folder = temporaryFolderAsync();
  await using server = await startTokenServer();
  const client = await authorityFor(server.issuer, folder.path);
  const other = destinationNamed('other');
  const providers = new Map([
    [destination, exchangeProvider(client)],
    [other, exchangeProvider(client, { audience: 'https://other.example' })],
  ]);
  await using rig = startBroker({ folder: folder.path, providers, limits: { firstBackoffMs: 60_000 } });
  server.script('/token', { status: 503, text: '', headers: { 'retry-after': '90' } });
  await assert.rejects(async () => rig.broker.obtain(permitFor({ destination })), refusedFor(90));
  await assert.rejects(async () => rig.broker.obtain(permitFor({ destination: other })), refusedFor(90));
  assert.deepEqual(server.paths(), ['/token']);
});

test('What the authority refuses for one destination does not hold up the others', async () => {
  await using folder = temporaryFolderAsync();
  await using server = await startTokenServer();
  const client = await authorityFor(server.issuer, folder.path);
  const other = destinationNamed('other');
  const providers = new Map([
    [destination, exchangeProvider(client)],
    [other, exchangeProvider(client, { audience: 'https://other.example' })],
  ]);
  await using rig = startBroker({ folder: folder.path, providers, limits: { firstBackoffMs: 60_000 } });
  server.script('/token', { status: 400, json: { error: 'invalid_target' } }, goodToken());
  await assert.rejects(async () => rig.broker.obtain(permitFor({ destination })), { code: 'credential_unavailable' });
  assert.ok(await rig.broker.obtain(permitFor({ destination: other })));
});

test('After a failure the authority is asked again, one call at a time, and all is well', async () => {
  await using rig = await startWith();
  rig.server.script('/token', { status: 500, text: '' }, { status: 500, text: '' }, goodToken());
  let found;
  for (let tries = 0; found === undefined && tries < 100; tries += 1) {
    found = await Promise.resolve()
      .then(async () => rig.broker.obtain(permitFor({ destination })))
      .catch(() => undefined);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  assert.ok(found);
  assert.deepEqual(rig.server.paths(), ['/token', '/token', '/token']);
});

test('A refresh that fails leaves the old token in use, and is not repeated with each call', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time, limits: { firstBackoffMs: 60_000, longestBackoffMs: 60_000 } });
  const first = await rig.broker.obtain(permitFor({ destination }));
  rig.server.script('/token', { status: 500, text: '' });
  time += 240_000;
  for (let call = 0; call < 50; call += 1) {
    assert.equal(rig.broker.obtain(permitFor({ destination })), first);
    await new Promise(setImmediate);
  }
  await eventually(() => rig.server.paths().length === 2, 'one refresh is tried');
  assert.equal(rig.warnings.length, 1);
});

test('A 401 evicts a token once; its lease is revoked, and within thirty seconds the next one stands', async () => {
  let time = Date.now();
  await using rig = await startWith({ now: () => time });
  const permit = permitFor({ destination });
  const first = await rig.broker.obtain(permit);
  assert.ok(first);
  assert.equal(rig.broker.evict(first), true);
  assert.equal(rig.broker.evict(first), true, 'a second call that met the same 401 may try with the new one');
  const second = await rig.broker.obtain(permit);
  assert.ok(second !== undefined && second.lease.id !== first.lease.id);
  assert.equal(rig.broker.evict(second), false);
  assert.equal(rig.broker.obtain(permit), second);
  await eventually(() => rig.audit.kinds().includes('revoked'), 'the evicted lease is revoked');
  time += 31_000;
  assert.equal(rig.broker.evict(second), true);
});

test('A reload that changes nothing keeps the tokens; one that changes the scope gets others', async () => {
  await using rig = await startWith();
  const first = await rig.broker.obtain(permitFor({ destination }));
  const same = destinationNamed('tickets');
  rig.broker.swapProviders(new Map([[same, exchangeProvider(rig.client)]]));
  assert.equal(rig.broker.obtain(permitFor({ destination: same })), first);
  const wider = destinationNamed('tickets');
  rig.broker.swapProviders(new Map([[wider, exchangeProvider(rig.client, { scope: 'tickets:write' })]]));
  const second = await rig.broker.obtain(permitFor({ destination: wider }));
  assert.notEqual(second?.lease.id, first?.lease.id);
  assert.equal(rig.broker.obtain(permitFor({ destination })), first, 'a call that began before keeps its own');
});

test('A destination that moved to another host gets a token of its own', async () => {
  await using rig = await startWith();
  const first = await rig.broker.obtain(permitFor({ destination }));
  const moved = destinationNamed('tickets', { hosts: ['elsewhere.example'] });
  rig.broker.swapProviders(new Map([[moved, exchangeProvider(rig.client)]]));
  const second = await rig.broker.obtain(permitFor({ destination: moved }));
  assert.notEqual(second?.lease.id, first?.lease.id);
});

test('The lease of the audit events is the lease of the credential, with its fingerprint and without its secret', async () => {
  await using rig = await startWith();
  const credential = await rig.broker.obtain(permitFor({ destination }));
  const [issuing, issued] = rig.audit.credentialEvents();
  assert.equal(issuing?.lease, credential?.lease.id);
  assert.equal(issued?.lease, credential?.lease.id);
  assert.equal(issued?.fingerprint, credential?.lease.fingerprint);
  assert.equal(issued?.agent, principal.id);
  assert.ok(!JSON.stringify(rig.audit.events).includes(headerOf(credential).replace('Bearer ', '')));
});

test('With a failed audit log no issuer is asked', async () => {
  const audit = createMemoryAudit();
  await using rig = await startWith({ audit });
  audit.failure = new Error('disk full');
  await assert.rejects(async () => rig.broker.obtain(permitFor({ destination })), { code: 'audit_unavailable' });
  assert.deepEqual(rig.server.paths(), []);
});

function refusedFor(seconds: number): (error: unknown) => boolean {
  return (error) => {
    const { refused, retryAfterS = 0 } = refusalOf(error);
    return refused === 'credential_unavailable' && retryAfterS >= seconds - 1 && retryAfterS <= seconds + 1;
  };
}

function temporaryFolderAsync(): { readonly path: string } & AsyncDisposable {
  const folder = temporaryFolder();
  return { path: folder.path, [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() };
}
