import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { call } from '../support/call.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openStream, startStreams } from '../support/streams.ts';

test('a call that proves long leaves an event of its start while it runs, once; a quick one has its final event alone', async () => {
  await using origin = await startStreams();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
  const task = exeat.open();
  assert.equal((await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: task.authorization })).status, 200);
  await using stream = await openStream(exeat, { origin, task });
  const [started] = await exeat.events({ kind: 'call.started' });
  assert.deepEqual(
    [started?.['task'], started?.['path'], started?.['decision'], started?.['status']],
    [task.id, '/events', 'allow', undefined],
  );
  await using other = await openStream(exeat, { origin, task, path: '/other' });
  await exeat.events({ kind: 'call.started', path: '/other' });
  for (const each of [stream, other]) each.end();
  const events = await exeat.events({ kind: 'call' }, 3);
  assert.equal(events.find(({ path }) => path === '/events')?.['call'], started?.['call']);
  assert.equal(exeat.allEvents().filter(({ kind }) => kind === 'call.started').length, 2);
});

test('in strict mode every call has it before it leaves, and a long one no second', async () => {
  await using origin = await startStreams();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, audit: { durability: 'strict' } });
  const task = exeat.open();
  await using stream = await openStream(exeat, { origin, task });
  assert.equal(exeat.allEvents().filter(({ kind }) => kind === 'call.started').length, 1);
  // A second makes a call a long one, and is looked for twice in one.
  await pause(1700);
  await stream.event('still there');
  assert.equal(exeat.allEvents().filter(({ kind }) => kind === 'call.started').length, 1);
});
