import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { startProtectedApi } from '../support/protected-api.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { startTokenServer } from '../support/token-server.ts';

test('A call carries a token of its task to the destination, and when the task ends the authority knows it no more', async () => {
  await using world = await startProtectedApi();
  assert.equal(await world.call(), 200);
  assert.equal(await world.call(), 200);
  const [first, second] = world.origin.seen.map(({ headers }) => headers.authorization);
  assert.match(first ?? '', /^Bearer ey/);
  assert.equal(second, first);
  assert.equal(world.authority.counters.issued, 1);
  const [issued] = await world.exeat.events({ kind: 'credential.issued' });
  const calls = await world.exeat.events({ kind: 'call' }, 2);
  assert.deepEqual(
    calls.map(({ lease }) => lease),
    [issued?.['lease'], issued?.['lease']],
  );
  await world.exeat.sidecar.tasks.complete(world.task.id, 'operator');
  const [revoked] = await world.exeat.events({ kind: 'credential.revoked' });
  assert.equal(revoked?.['lease'], issued?.['lease']);
  assert.equal(revoked?.['proof'], 'introspected');
  assert.equal(await world.call(), 403);
});

test('A destination that answers 401 once gets a new token; one that goes on is a 502, and the agent never sees the 401', async () => {
  let rejected = '';
  await using world = await startProtectedApi((request, response) => {
    rejected ||= request.headers.authorization ?? '';
    response.statusCode = request.headers.authorization === rejected ? 401 : 200;
    response.setHeader('www-authenticate', 'Bearer');
    response.end();
  });
  assert.equal(await world.call(), 200);
  assert.equal(world.origin.seen.length, 2);
  await world.exeat.events({ kind: 'credential.revoked' });
  rejected = world.origin.seen[1]?.headers.authorization ?? '';
  assert.equal(await world.call(), 502);
  assert.equal(world.authority.counters.issued, 2, 'not evicted again so soon');
});

test('What an authority may have issued before it broke its answer off is in the report as unknown, with the time it is dead by', async () => {
  await using origin = await startOrigin();
  await using authority = await startTokenServer();
  authority.script('/token', (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '9999' });
    response.write('{"access_token":"live-token"', () => response.destroy());
  });
  await using exeat = await startTestSidecar({
    authority: { issuer: authority.issuer, unsafe_cleartext: true },
    destinations: { api: loopback(origin, { credential: { kind: 'token-exchange', audience: 'a' } }) },
  });
  const { id, authorization } = exeat.open();
  assert.equal((await call(origin.url, { proxy: exeat.proxy, authorization })).code, 'credential_unavailable');
  const events = await exeat.events({ kind: 'credential.unknown' }, 2);
  const told = events.map(({ lease, dead_by: deadBy }) => ({
    lease,
    destination: 'api',
    outcome: 'unknown',
    dead_by: new Date(Number(deadBy)).toISOString(),
  }));
  const { tasks } = exeat.sidecar;
  assert.deepEqual(tasks.report(id)?.leases, told);
  await tasks.complete(id, 'operator');
  assert.deepEqual(tasks.report(id)?.leases, told);
});
