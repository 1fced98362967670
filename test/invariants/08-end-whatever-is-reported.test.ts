import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routesOf, type ControlDeps } from '../../src/control/routes.ts';
import { call } from '../support/call.ts';
import { controlOf } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { goodToken, startTokenServer } from '../support/token-server.ts';

// Invariant 8: after a task has ended none of its calls start, whatever there is to be told of it.

const jwt = (exp: number) => `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.c2ln`;

for (const [stated, token] of [
  ['expires_in 1e14', { expires_in: 1e14 }],
  ['expires_in 1e300', { expires_in: 1e300 }],
  ['expires_in "9e15"', { expires_in: '9e15' }],
  ['a JWT with exp 9e15', { access_token: jwt(9e15) }],
  ['a JWT with exp -1e300', { access_token: jwt(-1e300), expires_in: undefined }],
] as const) {
  test(`an authority that states ${stated} takes nothing from the kill switch, and its token is revoked unused`, async () => {
    await using origin = await startOrigin();
    await using authority = await startTokenServer();
    authority.script('/token', goodToken(token));
    await using exeat = await startTestSidecar({
      authority: { issuer: authority.issuer, unsafe_cleartext: true },
      destinations: { api: loopback(origin, { credential: { kind: 'token-exchange', audience: 'a' } }) },
    });
    const operator = controlOf(exeat, 'operator');
    for (const [change, state] of [
      ['pause', 'paused'],
      ['complete', 'completed'],
      ['revoke', 'revoked'],
    ] as const) {
      const { id, authorization } = exeat.open();
      const go = () => call(`${origin.url}/x`, { proxy: exeat.proxy, authorization });
      assert.equal((await go()).code, 'credential_unavailable');
      assert.equal((await operator('GET', `/v1/tasks/${id}`)).status, 200);
      const { status, body } = await operator('POST', `/v1/tasks/${id}/${change}`);
      assert.deepEqual([status, body['state']], [200, state]);
      assert.equal((await go()).code, `task_${state}`);
    }
    assert.equal((await operator('GET', '/v1/tasks')).status, 200);
    assert.deepEqual(origin.seen, []);
  });
}

test('a report that cannot be made stands in the way of no ending', async () => {
  const ended: string[] = [];
  const tasks = {
    report: noReport,
    get: (id: string) => ({ id }),
    complete: (id: string) => Promise.resolve(ended.push(id)).then(noReport),
  };
  const complete = routesOf({ tasks } as unknown as ControlDeps).find(({ path }) => path.endsWith('/complete'));
  await assert.rejects(async () => complete?.answer({ asker: { role: 'operator' }, id: 'task_1', body: undefined }));
  assert.deepEqual(ended, ['task_1']);
});

function noReport(): never {
  throw new Error('no report can be made');
}
