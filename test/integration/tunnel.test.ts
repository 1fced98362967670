import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { callInside, openInside, openTunnel, requestOf, secret, startTunnelWorld } from '../support/tunnel.ts';
import { statuses, wireOn } from '../support/wire.ts';

test("an https call goes through CONNECT: the credential is injected, the agent's own is removed, and the gate has no event", async () => {
  await using world = await startTunnelWorld();
  const { exeat, origin } = world;
  const answer = await callInside(exeat, { authorization: world.authorization(), fields: ['Authorization: Bearer own', 'X-Token: own'] });
  assert.deepEqual([answer.status, answer.body], [200, '{"ok":true}']);
  const [seen] = origin.seen;
  assert.deepEqual(
    [seen?.headers['x-token'], seen?.headers.authorization, seen?.headers.host, seen?.sni],
    [secret, undefined, 'api.example', 'api.example'],
  );
  assert.equal(seen?.headers['proxy-authorization'], undefined);
  await exeat.sidecar[Symbol.asyncDispose]();
  const calls = exeat.allEvents().filter(({ kind }) => String(kind).startsWith('call'));
  assert.deepEqual(
    calls.map((event) => [event['kind'], event['door'], event['method'], event['host'], event['path'], event['status'], event['removed']]),
    [['call', 'tunnel', 'GET', 'api.example', '/x', 200, ['authorization', 'x-token']]],
  );
});

test('what policy denies is told inside the tunnel, and nothing is dialled', async () => {
  await using world = await startTunnelWorld({
    config: { policy: '@id("reads") permit (principal, action in Action::"read", resource);' },
  });
  const answer = await callInside(world.exeat, { authorization: world.authorization(), method: 'DELETE' });
  assert.deepEqual([answer.status, answer.code], [403, 'policy_denied']);
  assert.match(answer.head, /application\/problem\+json/);
  assert.equal(world.origin.connections(), 0);
});

test('a tunnel is kept alive, and requests in it are answered in order, pipelined ones too', async () => {
  await using world = await startTunnelWorld();
  await using wire = await openInside(world.exeat, { authorization: world.authorization() });
  wire.send(requestOf({ path: '/1' }));
  await wire.until(/ok":true/);
  wire.send(requestOf({ path: '/2' }) + requestOf({ host: 'other.example' }) + requestOf({ path: '/3' }));
  const transcript = await wire.until(/200 OK[^]*200 OK[^]*421 [^]*200 OK[^]*ok":true/);
  assert.deepEqual(statuses(transcript), [200, 200, 421, 200]);
  assert.deepEqual(
    world.origin.seen.map(({ url }) => url),
    ['/1', '/2', '/3'],
  );
});

test('plain HTTP inside a CONNECT reaches a destination whose scheme is http', async () => {
  await using world = await startTunnelWorld();
  const { exeat } = world;
  await using origin = await startOrigin();
  exeat.rewrite({ destinations: { plain: { hosts: ['http://plain.example:8080'], connect_to: origin.host, allow_private: true } } });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  const authority = 'plain.example:8080';
  await using wire = wireOn(await openTunnel(exeat, { authorization: exeat.open().authorization, authority }));
  wire.send(requestOf({ authority, path: '/1' }));
  await wire.until(/ok":true/);
  wire.send(requestOf({ authority, path: '/2' }, 'Connection: close'));
  assert.deepEqual(statuses(await wire.closed()), [200, 200]);
  assert.deepEqual(
    origin.seen.map(({ url, headers }) => [url, headers.host]),
    [
      ['/1', authority],
      ['/2', authority],
    ],
  );
});
