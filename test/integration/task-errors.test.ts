import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { send } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestConfig } from '../support/sidecar.ts';

/** A sidecar before two origins, with both doors open to it. */
async function world(more: Partial<TestConfig> = {}) {
  const origin = await startOrigin();
  const routed = await startOrigin();
  const exeat = await startTestSidecar({
    destinations: {
      api: loopback(origin),
      routed: { route: '/api', url: `${routed.url}/base`, allow_private: true, unsafe_cleartext: true },
    },
    ...more,
  });
  const answer = async (path: string, headers: Record<string, string>) => {
    const got = await send(exeat.proxy, { path, headers: { connection: 'close', ...headers } });
    return { ...got, code: got.body['code'] };
  };
  return {
    origin,
    exeat,
    forward: (authorization?: string) =>
      answer(`${origin.url}/x`, { host: origin.host, ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }) }),
    route: (credential?: string) => answer('/api/x', credential === undefined ? {} : { 'exeat-task': credential }),
    async [Symbol.asyncDispose]() {
      await exeat[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
      await routed[Symbol.asyncDispose]();
    },
  };
}

test('a call without a task, or with one that is not known, is told so: 407 on the forward door only', async () => {
  await using w = await world();
  const none = await w.forward();
  assert.deepEqual([none.status, none.code, none.headers['proxy-authenticate']], [407, 'task_credential_missing', 'Basic realm="exeat"']);
  const unknown = await w.forward(`Basic ${btoa('task_0:x')}`);
  assert.deepEqual(
    [unknown.status, unknown.code, unknown.headers['proxy-authenticate']],
    [407, 'task_credential_unknown', 'Basic realm="exeat"'],
  );
  for (const refused of [await w.route(), await w.route('task_0.x')]) {
    assert.deepEqual([refused.status, refused.code, refused.headers['proxy-authenticate']], [403, 'task_credential_refused', undefined]);
  }
  assert.equal(w.origin.seen.length, 0);
});

test('a call in a paused, completed, expired or revoked task has an error of its own, on both doors', async () => {
  await using w = await world();
  const { tasks } = w.exeat.sidecar;
  const ends: Record<string, (id: string) => unknown> = {
    task_paused: (id) => tasks.pause(id, 'operator'),
    task_completed: (id) => tasks.complete(id, 'operator'),
    task_revoked: (id) => tasks.revoke(id, 'operator'),
    task_expired: () => pause(60),
  };
  for (const [code, end] of Object.entries(ends)) {
    const { id, authorization, credential } = w.exeat.open('work', code === 'task_expired' ? { ttlMs: 50 } : {});
    if (code !== 'task_expired')
      assert.deepEqual([(await w.forward(authorization)).status, (await w.route(credential)).status], [200, 200]);
    await end(id);
    for (const refused of [await w.forward(authorization), await w.route(credential)]) {
      assert.deepEqual(
        [refused.status, refused.code, refused.headers['proxy-status']],
        [403, code, `exeat; error=http_request_denied; details="${code}"`],
      );
      assert.match(String(refused.body['detail']), /^The task (is|has|was) \w+\. /);
    }
  }
});

test('a call beyond the budget, and one to a destination outside the intent, have errors of their own', async () => {
  await using w = await world({ intents: { work: { description: 'W', destinations: ['api'], budget: { calls: 2 } } } });
  const { authorization, credential } = w.exeat.open();
  const outside = await w.route(credential);
  assert.deepEqual([outside.status, outside.code], [403, 'destination_outside_intent']);
  assert.deepEqual([(await w.forward(authorization)).status, (await w.forward(authorization)).status], [200, 200]);
  const spent = await w.forward(authorization);
  assert.deepEqual([spent.status, spent.code], [429, 'budget_spent']);
  assert.equal(w.origin.seen.length, 2);
});

test('of 40 calls at once exactly as many go as the budget has', async () => {
  await using w = await world();
  const { authorization } = w.exeat.open('work', { calls: 17 });
  const answers = await Promise.all(Array.from({ length: 40 }, () => w.forward(authorization)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 17);
  assert.equal(answers.filter(({ code }) => code === 'budget_spent').length, 23);
  assert.equal(w.origin.seen.length, 17);
});

test('a client that cannot send a credential calls in the default task; an API key of its own is refused, not ignored', async () => {
  await using w = await world({ tasks: { default_intent: 'work' } });
  assert.deepEqual([(await w.forward()).status, (await w.route()).status], [200, 200]);
  assert.equal((await w.forward(`Basic ${btoa('a:b')}`)).code, 'task_credential_refused');
  const calls = await w.exeat.events({ kind: 'call' }, 2);
  assert.equal(new Set(calls.map((event) => event['task'])).size, 1);
  const [opened] = await w.exeat.events({ kind: 'task.opened' });
  assert.deepEqual([opened?.['origin'], opened?.['by']], ['default', 'default']);
});

test('a task goes on after a restart of the sidecar, in the same folder and with the same proxy credential', async () => {
  await using w = await world();
  const { authorization, id } = w.exeat.open();
  assert.equal((await w.forward(authorization)).status, 200);
  await w.exeat.sidecar[Symbol.asyncDispose]();
  await using again = await startTestSidecar({ destinations: { api: loopback(w.origin) }, folder: w.exeat.folder });
  const answer = await send(again.proxy, {
    path: `${w.origin.url}/y`,
    headers: { host: w.origin.host, 'proxy-authorization': authorization },
  });
  assert.equal(answer.status, 200);
  assert.equal(again.sidecar.tasks.report(id)?.calls.used, 2);
});
