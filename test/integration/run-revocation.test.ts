import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { startAuthority, type RunningAuthority } from '../../src/authority/authority.ts';
import { config as localConfig, create as createLocal, publicKeysFile } from '../../src/identity/local.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { temporaryFolder } from '../support/broker.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { node, runFixture, type RunFixture } from '../support/run.ts';
import { loopback } from '../support/sidecar.ts';

const audience = 'https://tickets.example.com';
const credential = { kind: 'token-exchange', audience, scope: 'tickets:read' };

/** A protected API, an authority that outlives runs, and runs that use both. */
interface Outside extends AsyncDisposable {
  readonly origin: Origin;
  readonly authority: RunningAuthority;
  readonly fixture: RunFixture;
}

async function startOutside(): Promise<Outside> {
  await using stack = new AsyncDisposableStack();
  const folder = join(stack.use(temporaryFolder()).path, 'identity');
  const identity = stack.use(await createLocal(localConfig.parse({ source: 'local' }), { folder }));
  const authority = stack.use(
    await startAuthority({
      listen: '127.0.0.1:0',
      trusted_issuers: [{ issuer: identity.principal()?.issuer ?? '', jwks_file: publicKeysFile(folder) }],
      resources: { [audience]: { scopes: ['tickets:read'] } },
    }),
  );
  const origin = stack.use(await startOrigin());
  const fixture = stack.use(
    runFixture({
      destinations: { tickets: loopback(origin, { credential }) },
      identity: { source: 'local', folder },
      authority: { issuer: authority.issuer, allow_private: true, unsafe_cleartext: true },
    }),
  );
  const all = stack.move();
  return { origin, authority, fixture, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Calls once, tells the status, then does what is asked of it. */
function callThen(origin: Origin, then: string): readonly string[] {
  return [node, '-e', `fetch('${origin.url}/').then(({ status }) => { console.log(status); ${then} })`];
}

const wait = 'setInterval(() => {}, 1000);';

/** Issued by the authority, and not revoked there. */
function alive({ authority, fixture }: Outside): number {
  const tasks = fixture.events({ kind: 'task.opened' }).map(({ task }) => String(task));
  return tasks.flatMap((task) => authority.tokensOf(task)).filter(({ revokedAt }) => revokedAt === undefined).length;
}

// Side by side: processes take their time to start.
suite('what a command was given is revoked', { concurrency: 2 }, () => {
  test('when it ends, when it crashes, and when the user interrupts it', async () => {
    await using outside = await startOutside();
    const { origin, authority, fixture } = outside;
    const ended = await fixture.run(callThen(origin, ''));
    assert.deepEqual([ended.code, ended.out], [0, '200\n']);
    assert.match(ended.err, /^exeat: 1 call, 0 denied; 1 credential issued, 1 revoked; audit: /m);
    const crashed = await fixture.run(callThen(origin, 'process.abort()'));
    assert.equal(crashed.code, 134, crashed.err);
    const interrupted = fixture.start(callThen(origin, wait), { group: true });
    assert.equal(await interrupted.line(), '200');
    assert.equal(alive(outside), 1);
    interrupted.process.kill('SIGINT');
    assert.equal((await interrupted.ended()).code, 130);
    assert.deepEqual([authority.counters.issued, authority.counters.revoked, alive(outside)], [3, 3, 0]);
    assert.deepEqual(fixture.unfinished(), []);
  });

  test('at the next start when Exeat itself was killed, also while another run goes on, which keeps what it has', async () => {
    await using outside = await startOutside();
    const { origin, fixture } = outside;
    const going = fixture.start(callThen(origin, wait), { group: true });
    assert.equal(await going.line(), '200');
    const killed = fixture.start(callThen(origin, wait), { group: true });
    assert.equal(await killed.line(), '200');
    const { pid = 0 } = killed.process;
    killed.process.kill('SIGKILL');
    await once(killed.process, 'exit');
    process.kill(-pid, 'SIGKILL');
    assert.deepEqual([alive(outside), fixture.unfinished().length], [2, 2]);

    const next = await fixture.run(['true']);
    assert.match(next.err, /^exeat: 0 calls, .*; 1 earlier run ended; audit: /m);
    assert.deepEqual([alive(outside), fixture.unfinished().length], [1, 1]);
    going.process.kill('SIGTERM');
    assert.equal((await going.ended()).code, 143);
    assert.deepEqual([alive(outside), fixture.unfinished()], [0, []]);
    const revoked = fixture.events({ kind: 'credential.revoked' });
    assert.deepEqual(
      revoked.map(({ proof }) => proof),
      ['introspected', 'introspected'],
    );
  });

  test('by a later run where the authority cannot be reached at the end, and the last line tells until when it lives', async () => {
    await using outside = await startOutside();
    const { origin, authority, fixture } = outside;
    const running = fixture.start(callThen(origin, wait), { group: true });
    assert.equal(await running.line(), '200');
    await authority.close();
    running.process.kill('SIGINT');
    const { err } = await running.ended();
    assert.match(err, /1 credential issued, 0 revoked \(1 not revoked yet: the next run goes on, dead by 2\d{3}-/);
    assert.equal(fixture.unfinished().length, 1);
    assert.doesNotMatch((await fixture.run(['true'])).err, /earlier run/);
    assert.equal(fixture.unfinished().length, 1);
  });

  test('by the authority that a run has of its own, where the configuration names none, also after a kill', async () => {
    await using origin = await startOrigin();
    await using fixture = runFixture({ destinations: { tickets: loopback(origin, { credential }) } });
    const first = await fixture.run([...callThen(origin, 'console.log(process.env.EXEAT_ISSUER)')]);
    assert.match(first.out, /^200\nhttp:\/\/127\.0\.0\.1:\d+\n$/, first.err);
    assert.match(String(origin.seen[0]?.headers.authorization), /^Bearer ey/);
    const killed = fixture.start(callThen(origin, wait), { group: true });
    assert.equal(await killed.line(), '200');
    const { pid = 0 } = killed.process;
    killed.process.kill('SIGKILL');
    await once(killed.process, 'exit');
    process.kill(-pid, 'SIGKILL');
    assert.match((await fixture.run(['true'])).err, /1 earlier run ended/);
    const kinds = fixture.events().map(({ kind, proof }) => `${String(kind)} ${String(proof)}`);
    assert.equal(kinds.filter((kind) => kind === 'credential.revoked introspected').length, 2);
    assert.deepEqual(fixture.unfinished(), []);
  });
});

test('what nobody can end any more is given up: a run that was killed while it started, and one that is long past', async () => {
  await using fixture = runFixture({ destinations: { api: { hosts: ['https://api.example.com'] } } });
  const states = join(fixture.folder, 'state/runs');
  for (const name of ['starting', 'never-started', 'long-past']) mkdirSync(join(states, name), { recursive: true });
  utimesSync(join(states, 'never-started'), daysAgo(1), daysAgo(1));
  const record = join(states, 'long-past/run.json');
  writeFileSync(record, '{}');
  utimesSync(record, daysAgo(31), daysAgo(31));
  assert.equal((await fixture.run(['true'])).code, 0);
  assert.deepEqual(fixture.unfinished(), ['starting']);
});

test('of a run that has ended only its audit log stays, with the key that it is verified by', async () => {
  await using fixture = runFixture({ destinations: { api: { hosts: ['https://api.example.com'] } } });
  const { err } = await fixture.run(['true']);
  const file = /audit: (.*)$/m.exec(err)?.[1] ?? '';
  const key = readFileSync(join(file, '../audit-public.pem'), 'utf8');
  const { ok, unanchored } = await verifyAudit(file, { publicKeys: [key] });
  assert.deepEqual([ok, unanchored], [true, 0]);
  assert.deepEqual(readdirSync(join(file, '..')).toSorted(), ['audit-public.pem', 'audit.ndjson']);
  assert.deepEqual(fixture.unfinished(), []);
});

function daysAgo(days: number): Date {
  return new Date(Date.now() - days * 86_400_000);
}
