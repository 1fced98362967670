import assert from 'node:assert/strict';
import { mkdtempDisposableSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBundleSource } from '../../src/policy/bundle-source.ts';
import type { Bundle } from '../../src/policy/bundle.ts';
import { whileFresh } from '../../src/policy/freshness.ts';
import type { PolicyDecisionPoint } from '../../src/policy/policy.ts';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { accessRequest } from '../support/policy.ts';
import { createSigner, manifestOf, packBundle, type TestSigner } from '../support/policy-bundle.ts';
import { regoModule } from '../support/rego-wasm.ts';
import { loopback, permitAll, startTestSidecar } from '../support/sidecar.ts';

/** A server of one bundle at a time, by the rules of ETag. */
async function startBundles() {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(mkdtempDisposableSync(join(tmpdir(), 'exeat-bundles-'))).path;
  const served = { archive: undefined as Buffer | undefined, status: 200, etag: '"1"' };
  const origin = opened.use(
    await startOrigin((request, response) => {
      if (served.archive === undefined || served.status !== 200)
        return void response.writeHead(served.status === 200 ? 404 : served.status).end();
      response.setHeader('etag', served.etag);
      if (request.headers['if-none-match'] === served.etag) return void response.writeHead(304).end();
      return void response.end(served.archive);
    }),
  );
  const signer = createSigner(folder);
  const all = opened.move();
  let tag = 1;
  return {
    origin,
    served,
    signer,
    folder,
    async serve(files: Readonly<Record<string, string | Buffer>>, by: TestSigner = signer): Promise<Buffer> {
      const archive = await packBundle(files, by);
      tag += 1;
      Object.assign(served, { archive, etag: `"${tag}"` });
      return archive;
    },
    settings: { url: origin.url, unsafe_cleartext: true, keys: signer.trust.keys },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const cedar = (policy: string, serial?: number) => ({ 'a.cedar': policy, '.manifest': manifestOf(`r${serial ?? ''}`, serial) });
const readOnly = '@id("reads") permit (principal, action in Action::"read", resource);';

type Bundles = Awaited<ReturnType<typeof startBundles>>;

function usable(bundle: Bundle): Bundle {
  if (String(bundle.files.get('a.cedar')) === 'of no use') throw new Error('it cannot be used');
  return bundle;
}

async function openSource(bundles: Bundles) {
  const warnings: string[] = [];
  const config = { ...bundles.settings, token: undefined, allow_private: true, poll: 5, scope: undefined };
  const source = await openBundleSource(config, {
    fetch: (url, init) => fetch(url, init),
    file: join(bundles.folder, 'state', 'kept.tar.gz'),
    make: usable,
    warn: (message) => warnings.push(message),
  });
  return { source, warnings };
}

test('a newer bundle is handed over once, and an unchanged one costs no download', async () => {
  await using bundles = await startBundles();
  await bundles.serve(cedar(permitAll, 1));
  const { source } = await openSource(bundles);
  assert.equal(source.first.serial, 1);
  const adopted = Promise.withResolvers<Bundle>();
  source.watch((bundle) => adopted.resolve(bundle));
  await bundles.serve(cedar(readOnly, 2));
  assert.equal((await adopted.promise).serial, 2);
  assert.ok(bundles.origin.seen.some(({ headers }) => headers['if-none-match'] === '"2"'));
  await source[Symbol.asyncDispose]();
});

test('what is wrong with a newer bundle keeps the one before in force, and is told', async () => {
  await using bundles = await startBundles();
  const good = await bundles.serve(cedar(permitAll, 5));
  const stranger = createSigner(bundles.folder, 'stranger');
  const wrong: Readonly<Record<string, readonly [() => unknown, RegExp]>> = {
    'a stranger signed it': [
      () => bundles.serve(cedar(readOnly, 6), { ...stranger, trust: bundles.signer.trust }),
      /signature is not valid/,
    ],
    'it is older': [() => bundles.serve(cedar(readOnly, 4)), /serial is 4, and must be higher than 5/],
    'it has the same number': [() => bundles.serve(cedar(readOnly, 5)), /serial is 5, and must be higher/],
    'it has no number': [() => bundles.serve(cedar(readOnly)), /serial is missing/],
    'it is of no use': [() => bundles.serve(cedar('of no use', 6)), /cannot be used/],
    'the server fails': [() => (bundles.served.status = 503), /answered 503/],
  };
  for (const [what, [change, message]] of Object.entries(wrong)) {
    Object.assign(bundles.served, { status: 200, archive: good });
    const { source, warnings } = await openSource(bundles);
    const told = Promise.withResolvers<void>();
    source.watch(() => assert.fail(what));
    await change();
    const before = warnings.length;
    const wait = setInterval(() => warnings.length > before && told.resolve(), 2);
    await told.promise;
    clearInterval(wait);
    await source[Symbol.asyncDispose]();
    assert.match(warnings.at(-1) ?? '', message, what);
    // The next start, too, has the one before.
    bundles.served.status = 503;
    const again = await openSource(bundles);
    assert.equal(again.source.first.serial, 5, what);
    await again.source[Symbol.asyncDispose]();
  }
});

test('a start without network has the last good bundle, and without one there is no start', async () => {
  await using bundles = await startBundles();
  await assert.rejects(openSource(bundles), /there is no policy bundle: the server answered 404/);
  await bundles.serve(cedar(permitAll, 3));
  await (await openSource(bundles)).source[Symbol.asyncDispose]();
  bundles.served.status = 503;
  const { source, warnings } = await openSource(bundles);
  assert.deepEqual([source.first.serial, warnings.length], [3, 1]);
  const [kept = ''] = readdirSync(join(bundles.folder, 'state'));
  assert.equal(statSync(join(bundles.folder, 'state', kept)).mode & 0o777, 0o600);
  await source[Symbol.asyncDispose]();
});

test('what was kept is verified again: another key, and it counts for nothing', async () => {
  await using bundles = await startBundles();
  await bundles.serve(cedar(permitAll, 3));
  await (await openSource(bundles)).source[Symbol.asyncDispose]();
  bundles.served.status = 503;
  const other = createSigner(bundles.folder, 'other');
  await assert.rejects(openSource({ ...bundles, settings: { ...bundles.settings, keys: other.trust.keys } }), /there is no policy bundle/);
});

test('when a bundle was last found to be the newest outlives a restart', async () => {
  await using bundles = await startBundles();
  await bundles.serve(cedar(permitAll, 3));
  await (await openSource(bundles)).source[Symbol.asyncDispose]();
  const file = join(bundles.folder, 'state', 'kept.tar.gz');
  utimesSync(file, 1000, 1000);
  bundles.served.status = 503;
  const { source } = await openSource(bundles);
  assert.equal(source.confirmedAt(), 1_000_000);
  await source[Symbol.asyncDispose]();
});

test('policies that nobody could confirm for too long decide reads alone', async () => {
  let now = 0;
  const allows = { decide: () => ({ allow: true, policies: [] }) } as unknown as PolicyDecisionPoint;
  const policy = whileFresh(allows, { mostMs: 100, confirmedAt: () => 0, now: () => now });
  const [read, write] = [accessRequest(), accessRequest({ method: 'POST' })];
  for (const [at, writes] of [
    [100, true],
    [101, false],
  ] as const) {
    now = at;
    assert.deepEqual(
      [await policy.decide(read), await policy.decide(write)].map(({ allow }) => allow),
      [true, writes],
    );
    assert.deepEqual(
      ((await policy.decideAll?.([write, read])) ?? []).map(({ allow }) => allow),
      [writes, true],
    );
  }
  assert.match((await policy.decide(write)).error ?? '', /for too long/);
});

test('a newer bundle of Cedar policies comes into force by itself, and the audit says which', async () => {
  await using bundles = await startBundles();
  await using origin = await startOrigin();
  await bundles.serve(cedar(permitAll, 1));
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin) },
    engine: { engine: 'cedar', bundle: { ...bundles.settings, poll: '1s' } },
  });
  const { authorization } = exeat.open();
  const write = () => call(`${origin.url}/a`, { proxy: exeat.proxy, authorization, method: 'POST' });
  assert.equal((await write()).status, 200);
  await bundles.serve(cedar(readOnly, 2));
  const [loaded, newer] = await exeat.events({ kind: 'privilege.changed', change: 'policy' }, 2);
  assert.deepEqual([loaded?.['detail'], newer?.['detail']], ['loaded at start: r1', 'a newer bundle: r2']);
  assert.notEqual(loaded?.['digest'], newer?.['digest']);
  assert.equal((await write()).code, 'policy_denied');
  const [denied] = await exeat.events({ kind: 'call', code: 'policy_denied' });
  assert.equal(denied?.['policy_digest'], newer?.['digest']);
});

test('a bundle whose policies name what the configuration does not have is not started with', async () => {
  await using bundles = await startBundles();
  await using origin = await startOrigin();
  await bundles.serve(cedar('permit (principal, action, resource in Destination::"apj");', 1));
  const engine = { engine: 'cedar', bundle: bundles.settings };
  await assert.rejects(startTestSidecar({ destinations: { api: loopback(origin) }, engine }), /apj/);
});

function wasm(result: string, serial: number): Readonly<Record<string, string | Buffer>> {
  return { 'policy.wasm': regoModule('exeat/decision', result), '.manifest': manifestOf(`r${serial}`, serial) };
}

test('a bundle of OPA is decided in this process; a reload takes it with the new configuration', async () => {
  await using bundles = await startBundles();
  await using origin = await startOrigin();
  await bundles.serve(wasm('[{"result":{"allow":true,"policies":["all"]}}]', 1));
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin) },
    engine: { engine: 'opa', bundle: bundles.settings },
  });
  const { authorization } = exeat.open();
  const read = () => call(`${origin.url}/a`, { proxy: exeat.proxy, authorization });
  assert.equal((await read()).status, 200);
  const [event] = await exeat.events({ kind: 'call', status: 200 });
  assert.deepEqual(event?.['policies'], ['all']);
  await bundles.serve(wasm('[]', 2));
  assert.equal((await exeat.sidecar.reload('test')).reloaded, true);
  assert.equal((await read()).code, 'policy_denied');
});
