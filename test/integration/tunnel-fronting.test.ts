import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { callInside, openInside, requestOf, startTunnelWorld } from '../support/tunnel.ts';
import { statuses } from '../support/wire.ts';

/** A client that wants another certificate than the one it is shown goes on all the same. */
const blindly = { rejectUnauthorized: false };

const names: readonly [what: string, tls: ConnectionOptions][] = [
  ['another name, under which the client is told so', { servername: 'other.example' }],
  ['a name inside of the one of the CONNECT', { servername: 'api.example.evil.example' }],
  ['no name', { servername: '', ...blindly }],
  ['a trailing dot', { servername: 'api.example.', ...blindly }],
  ['a name that is none', { servername: 'api.example:443', ...blindly }],
];

for (const [what, tls] of names) {
  test(`a TLS handshake that asks for ${what} gets 421 for every request, and nothing is dialled`, async () => {
    await using world = await startTunnelWorld();
    const { exeat, origin } = world;
    const { id, authorization } = exeat.open();
    await using wire = await openInside(exeat, { authorization, tls });
    wire.send(requestOf({}));
    await wire.until(/misdirected/);
    wire.send(requestOf({ host: 'other.example' }, 'Connection: close'));
    assert.deepEqual(statuses(await wire.closed()), [421, 421]);
    assert.equal(origin.connections(), 0);
    const events = await exeat.events({ kind: 'call', task: id }, 2);
    assert.deepEqual(
      events.map((event) => [event['code'], event['host'], event['method']]),
      [
        ['misdirected', 'api.example', 'GET'],
        ['misdirected', 'api.example', 'GET'],
      ],
    );
  });
}

test('the server name may be written in capitals', async () => {
  await using world = await startTunnelWorld();
  const { status } = await callInside(world.exeat, { authorization: world.authorization(), tls: { servername: 'API.Example' } });
  assert.equal(status, 200);
});

test('TLS to a destination that is plain http is told so, inside of it', async () => {
  await using world = await startTunnelWorld({ destination: { hosts: ['http://api.example:8080'], credential: undefined } });
  const answer = await callInside(world.exeat, { authorization: world.authorization(), authority: 'api.example:8080' });
  assert.deepEqual([answer.status, answer.code], [400, 'tls_unexpected']);
  assert.equal(world.origin.connections(), 0);
});
