import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callInside, connectTo, openInside, requestOf, startTunnelWorld, type TunnelWorld } from '../support/tunnel.ts';
import { permitAll } from '../support/sidecar.ts';
import { openWire, statuses } from '../support/wire.ts';

const other = { other: { hosts: ['other.example'] } };
const intents = {
  work: { description: 'w', destinations: ['api'] },
  else: { description: 'e', destinations: ['other'] },
};

type Opened = ReturnType<TunnelWorld['exeat']['open']>;

const closed: readonly [what: string, open: (world: TunnelWorld) => Opened | Promise<Opened>, code: string][] = [
  [
    'has been completed',
    async ({ exeat }) => {
      const task = exeat.open();
      await exeat.sidecar.tasks.complete(task.id, 'operator');
      return task;
    },
    'task_completed',
  ],
  [
    'has been revoked',
    async ({ exeat }) => {
      const task = exeat.open();
      await exeat.sidecar.tasks.revoke(task.id, 'operator');
      return task;
    },
    'task_revoked',
  ],
  [
    'is paused',
    ({ exeat }) => {
      const task = exeat.open();
      exeat.sidecar.tasks.pause(task.id, 'operator');
      return task;
    },
    'task_paused',
  ],
  ['does not reach this destination', ({ exeat }) => exeat.open('else'), 'destination_outside_intent'],
  ['has no call left', ({ exeat }) => exeat.open('work', { calls: 0 }), 'budget_spent'],
];

for (const [what, open, code] of closed) {
  test(`an agent whose task ${what} is told so inside of the tunnel, and nothing is dialled`, async () => {
    await using world = await startTunnelWorld({ config: { intents, destinations: other } });
    const { authorization, id } = await open(world);
    const answer = await callInside(world.exeat, { authorization });
    assert.equal(answer.code, code);
    assert.match(answer.head, /application\/problem\+json/);
    assert.equal(world.origin.connections(), 0);
    const [event] = await world.exeat.events({ kind: 'call', task: id });
    assert.deepEqual([event?.['code'], event?.['method']], [code, 'GET']);
  });
}

test('the task of a tunnel is looked up anew for each request, and the gate takes nothing off its budget', async () => {
  await using world = await startTunnelWorld();
  const { exeat, origin } = world;
  const task = exeat.open('work', { calls: 2 });
  await using wire = await openInside(exeat, { authorization: task.authorization });
  wire.send(requestOf({}));
  await wire.until(/ok":true/);
  exeat.sidecar.tasks.pause(task.id, 'operator');
  wire.send(requestOf({}));
  await wire.until(/task_paused/);
  exeat.sidecar.tasks.resume(task.id, 'operator');
  wire.send(requestOf({}));
  await wire.until(/ok":true[^]*ok":true/);
  await exeat.sidecar.tasks.revoke(task.id, 'operator');
  wire.send(requestOf({}, 'Connection: close'));
  const transcript = await wire.closed();
  assert.match(transcript, /task_revoked/);
  assert.deepEqual(statuses(transcript), [200, 403, 200, 403]);
  assert.equal(origin.seen.length, 2);
});

test('a stream inside of a tunnel is cut when its task is revoked', async () => {
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: one\n\n');
    },
  });
  const { exeat } = world;
  const task = exeat.open();
  await using wire = await openInside(exeat, { authorization: task.authorization });
  wire.send(requestOf({}));
  await wire.until(/data: one\n\n/);
  await exeat.sidecar.tasks.revoke(task.id, 'operator');
  assert.ok(!(await wire.closed()).endsWith('0\r\n\r\n'), 'the client takes the stream for complete');
  const [event] = await exeat.events({ kind: 'call', task: task.id });
  assert.deepEqual([event?.['code'], event?.['status']], ['task_revoked', 200]);
});

test('what a reload takes away is refused in tunnels that are open, and a stream that is no longer granted is cut', async () => {
  await using world = await startTunnelWorld({
    answer: (request, response) => {
      if (request.url !== '/events') return void response.end('ok":true');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return void response.write('data: one\n\n');
    },
  });
  const { exeat } = world;
  const authorization = world.authorization();
  await using stream = await openInside(exeat, { authorization });
  await using wire = await openInside(exeat, { authorization });
  stream.send(requestOf({ path: '/events' }));
  await stream.until(/data: one\n\n/);
  wire.send(requestOf({}));
  await wire.until(/ok":true/);
  exeat.rewrite({ policy: `${permitAll} @id("no") forbid (principal, action, resource) when { context.http.path like "/e*" };` });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  assert.ok(!(await stream.closed()).endsWith('0\r\n\r\n'));
  wire.send(requestOf({ path: '/events' }));
  await wire.until(/policy_denied/);
  exeat.rewrite({ policy: permitAll, destinations: { api: { ...world.api, hosts: ['api2.example'] } } });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  wire.send(requestOf({}));
  await wire.until(/destination_unknown/);
});

test('where calls run in the default task a tunnel needs no credential, and none is taken', async () => {
  await using world = await startTunnelWorld({ config: { tasks: { default_intent: 'work' } } });
  await using wire = await openWire(world.exeat.proxy);
  wire.send(connectTo('api.example:443'));
  await wire.until(/^HTTP\/1\.1 200 /);
  await using second = await openWire(world.exeat.proxy);
  second.send(connectTo('api.example:443', 'Basic YTpi'));
  assert.match(await second.closed(), /^HTTP\/1\.1 403 [^]*task_credential_refused/);
});
