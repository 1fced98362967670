import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { answerOf, openHttp2 } from '../support/http2.ts';
import { startTunnelWorld } from '../support/tunnel.ts';

test('a thousand open streams on one connection are held in little memory, and all end with their task', async () => {
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    },
    config: { tasks: { max_running_per_task: 1000 } },
  });
  const task = world.exeat.open();
  await using client = await openHttp2(world.exeat, { authorization: task.authorization });
  const before = process.memoryUsage().rss;
  const answers: ReturnType<typeof answerOf>[] = [];
  for (let i = 0; i < 1000; i += 1) {
    const stream = client.open();
    answers.push(answerOf(stream.end()));
    if (i % 50 === 49) await once(stream, 'data');
  }
  for (let tries = 0; world.origin.seen.length < 1000 && tries < 500; tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(world.origin.seen.length, 1000);
  // Client, sidecar and destination are all in this process, with a TLS connection of its own for each stream upstream.
  const perStream = (process.memoryUsage().rss - before) / 1000;
  assert.ok(perStream < 300 * 1024, `${Math.round(perStream / 1024)} KiB a stream`);
  await world.exeat.sidecar.tasks.revoke(task.id, 'operator');
  for (const { reset } of await Promise.all(answers)) assert.equal(reset, 2);
});
