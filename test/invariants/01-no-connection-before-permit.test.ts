import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Resolve } from '../../src/egress/address-guard.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestConfig, type TestSidecar } from '../support/sidecar.ts';
import { callInside, openInside, openTunnel, startTunnelWorld } from '../support/tunnel.ts';
import { openWire, wireOn } from '../support/wire.ts';

const policy = '@id("reads") permit (principal, action in Action::"read", resource);';

test('no connection is opened to a destination, nor its name looked up, for a call that is refused, at whichever step', async () => {
  await using origin = await startOrigin();
  const asked: string[] = [];
  const resolve: Resolve = (hostname, _options, callback) => {
    asked.push(hostname);
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  };
  const at = (name: string) => ({ hosts: [`http://${name}.example:${origin.port}`], allow_private: true });
  const dated = { kind: 'static', header: 'x-token', value: { file: '/nowhere/secret' }, expires: '2999-01-01', reason: 'test' };
  const config: TestConfig = {
    destinations: {
      api: at('api'),
      other: at('other'),
      bare: { ...at('bare.localhost'), hosts: [`http://bare.localhost:${origin.port}`], unsafe_cleartext: true, credential: dated },
      routed: { ...at('routed'), hosts: undefined, route: '/routed', url: `http://routed.example:${origin.port}` },
    },
    intents: {
      work: { description: 'w', destinations: ['api', 'bare', 'routed'], budget: { calls: 1 } },
      else: { description: 'e', destinations: ['other'] },
    },
    policy,
  };
  await using exeat = await startTestSidecar(config, { resolve });
  const url = `http://api.example:${origin.port}/`;
  const send = async (lines: readonly string[]) => {
    await using wire = await openWire(exeat.proxy);
    wire.send([...lines, 'Connection: close', '', ''].join('\r\n'));
    return Number(/^HTTP\/1\.1 (\d+)/.exec(await wire.closed())?.[1]);
  };
  const forward = (authorization: string | undefined, method = 'GET', target = url) =>
    send([
      `${method} ${target} HTTP/1.1`,
      `Host: ${new URL(target).host}`,
      ...(authorization === undefined ? [] : [`Proxy-Authorization: ${authorization}`]),
    ]);
  const route = (credential: string | undefined, method = 'GET') =>
    send([`${method} /routed/x HTTP/1.1`, `Host: ${exeat.proxy}`, ...(credential === undefined ? [] : [`Exeat-Task: ${credential}`])]);
  const ended = exeat.open();
  await exeat.sidecar.tasks.complete(ended.id, 'operator');
  const paused = exeat.open();
  exeat.sidecar.tasks.pause(paused.id, 'operator');
  assert.equal(await forward(undefined), 407);
  assert.equal(await forward('Basic YTpi'), 407);
  assert.equal(await forward(ended.authorization), 403);
  assert.equal(await forward(paused.authorization), 403);
  assert.equal(await forward(exeat.open('else').authorization), 403);
  assert.equal(await forward(exeat.open().authorization, 'POST'), 403);
  assert.equal(await forward(exeat.open().authorization, 'GET', `${url}?api_key=x`), 400);
  assert.equal(await forward(exeat.open().authorization, 'GET', `http://bare.localhost:${origin.port}/`), 503, 'no credential');
  assert.equal(await route(undefined), 403);
  assert.equal(await route(ended.credential), 403);
  assert.equal(await route(exeat.open('else').credential), 403);
  assert.equal(await route(exeat.open().credential, 'POST'), 403);
  assert.deepEqual([origin.connections(), asked], [0, []]);
  const last = exeat.open();
  assert.equal(await forward(last.authorization), 200);
  assert.equal(await forward(last.authorization), 429);
  assert.equal(await route(exeat.open().credential), 200);
  assert.deepEqual([origin.seen.length, asked], [2, ['api.example', 'routed.example']]);
});

test("Exeat's own listeners are never dialled, whatever the destination is called", async () => {
  await using exeat = await startTestSidecar({
    destinations: { api: loopback({ url: 'http://self.example' }, { connect_to: '127.0.0.1:1' }) },
  });

  const { authorization } = exeat.open();
  const port = exeat.sidecar.health.slice(exeat.sidecar.health.lastIndexOf(':') + 1);
  exeat.rewrite({ destinations: { api: loopback({ url: 'http://self.example' }, { connect_to: `127.0.0.1:${port}` }) } });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET http://self.example/metrics HTTP/1.1\r\nHost: self.example\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
  assert.match(await wire.until(/\}$/), /^HTTP\/1\.1 403 [^]*own_listener/);
});

test('nor for a tunnel, before something inside of it has a permit, or the blind tunnel itself', async () => {
  const asked: string[] = [];
  const resolve: Resolve = (hostname, _options, callback) => {
    asked.push(hostname);
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  };
  const blind = { hosts: ['blind.example'], tls: 'tunnel', allow_private: true };
  await using world = await startTunnelWorld({
    destination: { connect_to: undefined },
    config: { policy, destinations: { blind, plain: { hosts: ['http://plain.example:8080'], allow_private: true } } },
    stages: { resolve },
  });
  const { exeat } = world;
  const { id, authorization } = exeat.open();
  const refused = async (authority: string, options: Partial<Parameters<typeof callInside>[1]> = {}) =>
    (await callInside(exeat, { authorization, authority, ...options })).status;
  const onTheWire = async (authority: string, bytes: string) => {
    const wire = wireOn(await openTunnel(exeat, { authorization, authority }));
    wire.send(bytes);
    return Number(/^HTTP\/1\.1 (\d+)/.exec(await wire.closed())?.[1] ?? 0);
  };
  await using idle = await openTunnelAsWire(exeat, authorization);
  await using silent = await openInside(exeat, { authorization });
  for (const authority of ['api.example:443', 'blind.example:443']) {
    assert.equal(await refused(authority, { method: 'DELETE' }), 403);
    assert.equal(await refused(authority, { tls: { servername: 'other.example' } }), 421);
    assert.equal(await onTheWire(authority, 'GET / HTTP/1.1\r\n\r\n'), 400);
    assert.equal(await onTheWire(authority, '\u0016\u0003\u0001\u0000\u0000'), 0);
  }
  assert.equal(await refused('api.example:443', { host: 'blind.example' }), 421);
  assert.equal(await refused('plain.example:8080'), 400);
  assert.equal(await onTheWire('plain.example:8080', 'GET / HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n'), 421);
  exeat.sidecar.tasks.pause(id, 'operator');
  assert.equal(await refused('api.example:443'), 403);
  assert.equal(await refused('blind.example:443'), 403);
  assert.deepEqual([asked, idle.received(), silent.received()], [[], '', '']);
  exeat.sidecar.tasks.resume(id, 'operator');
  assert.equal(await refused('api.example:443'), 502);
  assert.deepEqual(asked, ['api.example']);
});

async function openTunnelAsWire(exeat: TestSidecar, authorization: string) {
  return wireOn(await openTunnel(exeat, { authorization }));
}
