import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startAuthority } from '../../src/authority/authority.ts';
import { config as localConfig, create as createLocal, publicKeysFile } from '../../src/identity/local.ts';
import { eventually, temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { controlOf } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { startServe, type ServedSidecar } from '../support/serve.ts';
import { loopback, type TestConfig } from '../support/sidecar.ts';

const audience = 'https://tickets.example.com';

async function open(serve: ServedSidecar, ttl: string): Promise<{ readonly id: string; readonly authorization: string }> {
  const { body } = await controlOf(serve, 'orchestrator')('POST', '/v1/tasks', { intent: 'work', ttl });
  return { id: String(body['id']), authorization: `Basic ${btoa(String(body['credential']).replace('.', ':'))}` };
}

test('a process that is killed loses no task and no lease: the next one ends what has expired, and the rest when its time comes', async () => {
  await using stack = new AsyncDisposableStack();
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
  const origin = stack.use(await startOrigin());
  const credential = { kind: 'token-exchange', audience, scope: 'tickets:read' };
  const config: TestConfig = {
    folder,
    destinations: { api: loopback(origin, { credential }) },
    authority: { issuer: authority.issuer, allow_private: true, unsafe_cleartext: true },
  };
  const events = () =>
    readFileSync(join(folder, 'audit.ndjson'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const revoked = (task: string) => events().filter((event) => event['kind'] === 'credential.revoked' && event['task'] === task);

  const first = stack.use(await startServe(config));
  const ttlMs = 2000;
  const short = await open(first, `${ttlMs}ms`);
  const openedAt = Date.now();
  const long = await open(first, '10m');
  for (const { authorization } of [short, long]) {
    assert.equal((await call(`${origin.url}/`, { proxy: first.sidecar.proxy, authorization })).status, 200);
  }
  await eventually(() => events().filter(({ kind }) => kind === 'credential.issued').length === 2, 'both are recorded');
  await first.kill();
  await pause(Math.max(0, openedAt + ttlMs - Date.now()));
  assert.equal(authority.counters.revoked, 0);

  const second = stack.use(await startServe(config));
  await eventually(() => revoked(short.id).length === 1, 'what expired meanwhile is revoked by the start');
  const get = (authorization: string) => call(`${origin.url}/`, { proxy: second.sidecar.proxy, authorization });
  assert.equal((await get(short.authorization)).code, 'task_expired');
  assert.equal((await get(long.authorization)).status, 200);
  const { body } = await controlOf(second, 'orchestrator')('POST', `/v1/tasks/${long.id}/complete`);
  assert.deepEqual(
    (body['leases'] as { outcome: string }[]).map(({ outcome }) => outcome),
    ['revoked', 'revoked'],
    'the one of the process before and the one of this process',
  );
  assert.equal((await get(long.authorization)).code, 'task_completed');
  assert.equal(authority.counters.revoked, 3);
});
