import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Resolve } from '../../src/egress/address-guard.ts';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { createRoot } from '../support/certificates.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { startTokenServer } from '../support/token-server.ts';

const resolve: Resolve = (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]);

/** An authority with a name, a proxy that knows where it is, and a sidecar that gets tokens there for an API on loopback. */
async function startWorld(settings: object = {}, metadata: Readonly<Record<string, unknown>> = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const root = await createRoot();
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, root.pem);
  const certificate = await root.issue(['idp.example', 'tokens.example']);
  const authority = stack.use(await startTokenServer(metadata, { name: 'idp.example', certificate }));
  const { port } = new URL(authority.issuer);
  const zone = { [`idp.example:${port}`]: `127.0.0.1:${port}`, [`tokens.example:443`]: `127.0.0.1:${port}` };
  const proxy = stack.use(await startConnectProxy({ zone }));
  const origin = stack.use(await startOrigin());
  const upstream = { url: `http://127.0.0.1:${proxy.port}`, ...settings };
  const config = {
    folder,
    authority: { issuer: authority.issuer, ca },
    destinations: { api: loopback(origin, { credential: { kind: 'token-exchange', audience: 'a' } }) },
    upstream_proxy: upstream,
  };
  const exeat = stack.use(await startTestSidecar(config, { resolve }));
  return {
    authority,
    proxy,
    exeat,
    upstream,
    target: `idp.example:${port}`,
    zone,
    get: async () => {
      const task = exeat.open();
      return { task, answer: await call(origin.url, { proxy: exeat.proxy, authorization: task.authorization }) };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('metadata, tokens, revocation and introspection of the authority go through the proxy', async () => {
  await using world = await startWorld();
  const { task, answer } = await world.get();
  assert.equal(answer.status, 200);
  await world.exeat.sidecar.tasks.complete(task.id, 'operator');
  const [revoked] = await world.exeat.events({ kind: 'credential.revoked' });
  assert.equal(revoked?.['proof'], 'introspected');
  assert.deepEqual(world.authority.paths(), ['/token', '/revoke', '/introspect']);
  assert.deepEqual([...new Set(world.proxy.seen.map(({ target }) => target))], [world.target]);
  assert.doesNotMatch(
    world.proxy.seen.map(({ upload }) => upload()).join(''),
    /client_assertion|token/,
    'nothing is there for the proxy to read',
  );
});

test('another host that the authority names for its endpoints is reached through the proxy too', async () => {
  await using world = await startWorld({}, { token_endpoint: 'https://tokens.example/token' });
  assert.equal((await world.get()).answer.status, 200);
  assert.deepEqual([...new Set(world.proxy.seen.map(({ target }) => target))], [world.target, 'tokens.example:443']);
});

test('an endpoint that the authority places at a metadata service, or at an address, is not asked of the proxy', async () => {
  for (const host of ['metadata.google.internal', '169.254.169.254', '10.0.0.1', 'localhost', '[::1]']) {
    await using world = await startWorld({}, { token_endpoint: `https://${host}/token` });
    assert.equal((await world.get()).answer.code, 'credential_unavailable', host);
    assert.deepEqual([...new Set(world.proxy.seen.map(({ target }) => target))], [world.target], host);
  }
});

test('an authority in no_proxy is dialled, and needs its own leave for a private address', async () => {
  await using world = await startWorld({ no_proxy: ['idp.example'] });
  assert.equal((await world.get()).answer.code, 'credential_unavailable');
  assert.equal(world.proxy.connections(), 0);
});

test('a proxy that refuses is a credential that cannot be had now, and nothing is taken for issued', async () => {
  await using world = await startWorld();
  world.proxy.misbehave((socket) => socket.end('HTTP/1.1 407 text-from-outside\r\n\r\n'));
  const { answer } = await world.get();
  assert.deepEqual([answer.status, answer.code], [503, 'credential_unavailable']);
  const [event] = await world.exeat.events({ kind: 'credential.refused' });
  assert.match(String(event?.['reason']), /the upstream proxy answered CONNECT with status 407/);
  assert.doesNotMatch(JSON.stringify([answer, world.exeat.allEvents()]), /text-from-outside/);
});

test('after a reload the authority is reached through the new proxy', async () => {
  await using world = await startWorld();
  await using other = await startConnectProxy({ zone: world.zone });
  assert.equal((await world.get()).answer.status, 200);
  const before = world.proxy.connections();
  world.exeat.rewrite({ upstream_proxy: { url: `http://127.0.0.1:${other.port}` } });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal((await world.get()).answer.status, 200);
  assert.deepEqual([world.proxy.connections(), other.seen.map(({ target }) => target)], [before, [world.target]]);
});
