import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAuthority } from '../../src/authority/authority.ts';
import { config as localConfig, create as createLocal, publicKeysFile } from '../../src/identity/local.ts';
import { temporaryFolder } from '../support/broker.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

const audience = 'https://tickets.example.com';

/** A protected API, an authority and a sidecar, all real, and one open task. */
async function startWorld(answer?: Parameters<typeof startOrigin>[0]) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const identityFolder = join(folder, 'identity');
  const identity = stack.use(await createLocal(localConfig.parse({ source: 'local' }), { folder: identityFolder }));
  const authority = stack.use(
    await startAuthority({
      listen: '127.0.0.1:0',
      trusted_issuers: [{ issuer: identity.principal()?.issuer ?? '', jwks_file: publicKeysFile(identityFolder) }],
      resources: { [audience]: { scopes: ['tickets:read'] } },
    }),
  );
  const origin = stack.use(await startOrigin(answer));
  const exeat = stack.use(
    await startTestSidecar({
      folder,
      destinations: { tickets: loopback(origin, { credential: { kind: 'token-exchange', audience, scope: 'tickets:read' } }) },
      authority: { issuer: authority.issuer, allow_private: true, unsafe_cleartext: true },
    }),
  );
  const task = exeat.open();
  const call = async (): Promise<number> => {
    await using wire = await openWire(exeat.proxy);
    wire.send(
      `GET ${origin.url}/ HTTP/1.1\r\nHost: ${origin.host}\r\nProxy-Authorization: ${task.authorization}\r\nConnection: close\r\n\r\n`,
    );
    return Number(/^HTTP\/1.1 (\d+)/.exec(await wire.closed())?.[1]);
  };
  return { exeat, origin, authority, task, call, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('A call carries a token of its task to the destination, and when the task ends the authority knows it no more', async () => {
  await using world = await startWorld();
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
  await using world = await startWorld((request, response) => {
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
