// A real OPA decides the calls of a running sidecar: over REST, and by bundles that it built and signed.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { call } from '../../support/call.ts';
import { startOrigin, type Origin } from '../../support/origin.ts';
import { startSidecar, type RunningSidecar } from '../support/exeat.ts';
import { buildBundle, createSigning, files, policy, rule, signFolder, startOpa, write } from '../support/opa.ts';

const patience = { timeout: 25 * 60_000 };

async function sidecarFor(folder: string, origin: Origin, engine: object): Promise<RunningSidecar> {
  const destination = { hosts: [origin.url], allow_private: true, unsafe_cleartext: true };
  mkdirSync(folder);
  return startSidecar(folder, {
    policy: engine,
    intents: { work: { description: 'Work', destinations: ['api'] }, other: { description: 'Other', destinations: ['api'] } },
    destinations: { api: destination },
  });
}

/** What becomes of some calls, by status and code. */
async function outcomes(exeat: RunningSidecar, origin: Origin): Promise<readonly string[]> {
  const results: string[] = [];
  for (const [intent, method, path] of [
    ['work', 'GET', '/items?q=1'],
    ['other', 'GET', '/items'],
    ['work', 'DELETE', '/items'],
    ['work', 'POST', '/orders/7'],
    ['work', 'POST', '/items'],
  ] as const) {
    await using task = await exeat.open(intent);
    const authorization = `Basic ${Buffer.from(`${task.proxyUrl.username}:${task.proxyUrl.password}`).toString('base64')}`;
    const { status, code } = await call(`${origin.url}${path}`, { proxy: exeat.proxy, authorization, method });
    results.push(`${method} ${path} in ${intent}: ${status} ${code ?? ''}`.trim());
  }
  return results;
}

const expected = [
  'GET /items?q=1 in work: 200',
  'GET /items in other: 403 policy_denied',
  'DELETE /items in work: 403 policy_denied',
  'POST /orders/7 in work: 403 approval_required',
  'POST /items in work: 403 policy_denied',
];

test('OPA decides over REST, with TLS and a token, and calls are refused once it is gone', patience, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-opa-'));
  await using origin = await startOrigin();
  await using opa = await startOpa(folder.path, files);
  const { url, ca, tokenFile } = opa;
  const server = { url, ca, allow_private: true, timeout: '5s', token: { file: tokenFile } };
  await using exeat = await sidecarFor(join(folder.path, 'right'), origin, { engine: 'opa', decision: rule, server });
  assert.deepEqual(await outcomes(exeat, origin), expected);
  const allowed = exeat.events().find(({ kind, status }) => kind === 'call' && status === 200);
  assert.deepEqual(allowed?.['policies'], ['reads']);
  assert.match(String(allowed?.['decision_id']), /^[0-9a-f-]{36}$/);

  // What is undefined there denies; so does a token that OPA does not take.
  await using undefinedRule = await sidecarFor(join(folder.path, 'undefined'), origin, { engine: 'opa', decision: 'exeat/none', server });
  assert.match((await outcomes(undefinedRule, origin))[0] ?? '', /403 policy_denied/);
  const stranger = { ...server, token: { file: write(folder.path, 'other.token', 'x') } };
  await using unknown = await sidecarFor(join(folder.path, 'stranger'), origin, { engine: 'opa', decision: rule, server: stranger });
  assert.match((await outcomes(unknown, origin))[0] ?? '', /403 policy_error/);

  await opa[Symbol.asyncDispose]();
  assert.match((await outcomes(exeat, origin))[0] ?? '', /403 policy_error/);
});

for (const algorithm of ['ES256', 'RS256'] as const) {
  test(
    `a bundle that OPA compiled and signed by ${algorithm} decides the same in this process, and a newer one follows`,
    patience,
    async () => {
      using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-opa-'));
      await using origin = await startOrigin();
      const signing = await createSigning(folder.path, algorithm);
      let archive = await buildBundle(folder.path, signing, { revision: 'r1', serial: 1 });
      await using bundles = await startOrigin((_request, response) => void response.end(archive));
      // The key id that "opa build" gives.
      const keys = { default: { file: signing.publicKey, algorithm } };
      const bundle = { url: bundles.url, unsafe_cleartext: true, keys, poll: '1s' };
      await using exeat = await sidecarFor(join(folder.path, 'exeat'), origin, { engine: 'opa', decision: rule, bundle });
      assert.deepEqual(await outcomes(exeat, origin), expected);
      archive = await buildBundle(folder.path, signing, { revision: 'r2', serial: 2, rego: policy.replace('"work"', '"other"') });
      const replaced = () => exeat.events().some(({ change, detail }) => change === 'policy' && detail === 'a newer bundle: r2');
      for (let tries = 0; !replaced() && tries < 200; tries += 1) await pause(50);
      assert.deepEqual((await outcomes(exeat, origin)).slice(0, 2), [
        'GET /items?q=1 in work: 403 policy_denied',
        'GET /items in other: 200',
      ]);
    },
  );
}

test('a folder of Cedar policies that "opa sign" signed is taken', patience, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-opa-'));
  await using origin = await startOrigin();
  const signing = await createSigning(folder.path, 'ES256');
  const sources = join(folder.path, 'cedar');
  mkdirSync(sources);
  write(
    sources,
    'a.cedar',
    '@id("reads") permit (principal, action in Action::"read", resource) when { context.task.intent == Intent::"work" };',
  );
  write(sources, '.manifest', JSON.stringify({ revision: 'cedar 1', metadata: { serial: 1 } }));
  const archive = await signFolder(sources, signing);
  await using bundles = await startOrigin((_request, response) => void response.end(archive));
  const keys = { release: { file: signing.publicKey, algorithm: 'ES256' } };
  const bundle = { url: bundles.url, unsafe_cleartext: true, keys };
  await using exeat = await sidecarFor(join(folder.path, 'exeat'), origin, { engine: 'cedar', bundle });
  assert.deepEqual((await outcomes(exeat, origin)).slice(0, 2), expected.slice(0, 2));
  assert.ok(exeat.events().some(({ change, detail }) => change === 'policy' && detail === 'loaded at start: cedar 1'));
});
