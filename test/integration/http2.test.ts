import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { frame, frameTypes, headers, openFrames, type FrameClient } from '../support/http2-frames.ts';
import { answerOf, openHttp2 } from '../support/http2.ts';
import { secret, startTunnelWorld } from '../support/tunnel.ts';

test('HTTP/2 inside of a tunnel reaches an HTTP/1.1 destination, with the credential injected and the own one removed', async () => {
  await using world = await startTunnelWorld();
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const answer = await client.call({ authorization: 'Bearer own', 'x-token': 'own' });
  assert.deepEqual([answer.status, answer.body, answer.reset], [200, '{"ok":true}', 0]);
  const [seen] = world.origin.seen;
  assert.deepEqual([seen?.headers['x-token'], seen?.headers.authorization, seen?.headers.host], [secret, undefined, 'api.example']);
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual(
    [event?.['door'], event?.['method'], event?.['host'], event?.['path'], event?.['status'], event?.['removed']],
    ['tunnel', 'GET', 'api.example', '/x', 200, ['authorization', 'x-token']],
  );
});

test('what policy denies is told on the stream, and nothing is dialled', async () => {
  await using world = await startTunnelWorld({ config: { policy: 'permit (principal, action in Action::"read", resource);' } });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const answer = await client.call({ ':method': 'POST' }, 'a body that nobody reads');
  assert.deepEqual([answer.status, answer.code, answer.reset], [403, 'policy_denied', 0]);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.match(String(answer.headers['proxy-status']), /^exeat; error=http_request_denied/);
  assert.equal(world.origin.connections(), 0);
});

// Some clients report a reset, even one without an error, instead of the answer that came before it.
test('a large upload that is denied is taken to its end, so that every client sees the answer', async () => {
  await using world = await startTunnelWorld({ config: { policy: 'permit (principal, action in Action::"read", resource);' } });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const stream = client.open({ ':method': 'POST' });
  const answer = answerOf(stream);
  await new Promise((resolve) => stream.write(Buffer.alloc(4 << 20), resolve));
  assert(!stream.closed, 'it was reset');
  stream.end();
  const { status, code, reset } = await answer;
  assert.deepEqual([status, code, reset], [403, 'policy_denied', 0]);
  assert.equal(world.origin.connections(), 0);
});

test('streams of one connection run at once, and each is a call of its own', async () => {
  const held: ServerResponse[] = [];
  await using world = await startTunnelWorld({ answer: (_request, response) => void held.push(response) });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const calls = Array.from({ length: 20 }, (_, i) => client.call({ ':path': `/${i}` }));
  while (held.length < 20) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const response of held.toReversed()) response.end(response.req.url);
  assert.deepEqual(
    (await Promise.all(calls)).map(({ body }) => body),
    Array.from({ length: 20 }, (_, i) => `/${i}`),
  );
  assert.equal((await world.exeat.events({ kind: 'call' }, 20)).length, 20);
});

test('an upload is read no faster than the destination takes it, and arrives whole', async () => {
  let arriving: IncomingMessage | undefined;
  await using world = await startTunnelWorld({
    answer: (request, response, seen) => {
      arriving = request;
      request.pause();
      void seen.body.then((body) => response.end(String(body.length)));
    },
  });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const stream = client.open({ ':method': 'POST', 'content-length': String(64 << 20) });
  const answer = answerOf(stream);
  let sent = 0;
  const chunk = Buffer.alloc(1 << 20);
  while (sent < 64) {
    sent += 1;
    if (stream.write(chunk)) continue;
    const drained = once(stream, 'drain').then(() => true);
    const stalled = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 400));
    if (await Promise.race([drained, stalled])) continue;
    assert.ok(sent < 32, `${sent} MB were taken for a destination that reads nothing`);
    arriving?.resume();
    await drained;
  }
  stream.end();
  assert.equal((await answer).body, String(64 << 20));
});

test('a download waits for the client, and trailers pass to whoever accepts them', async () => {
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      response.writeHead(200, { trailer: 'x-checksum' });
      response.addTrailers({ 'x-checksum': 'abc' });
      response.end(Buffer.alloc(8 << 20, 'x'));
    },
  });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const stream = client.open({ te: 'trailers' });
  stream.end();
  await once(stream, 'response');
  stream.pause();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const whole = answerOf(stream);
  stream.resume();
  const answer = await whole;
  assert.deepEqual([answer.body.length, answer.trailers['x-checksum'], answer.reset], [8 << 20, 'abc', 0]);
  assert.equal((await client.call()).trailers['x-checksum'], undefined);
});

test('a trailer may have the name of what every object has, once or twice', async () => {
  const trailers: [string, string][] = [
    ['constructor', 'a'],
    ['__proto__', 'b'],
    ['__proto__', 'c'],
    ['toString', 'd'],
  ];
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      response.write('body');
      response.addTrailers(trailers);
      response.end();
    },
  });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const answer = await client.call({ te: 'trailers' });
  assert.deepEqual(Object.entries(answer.trailers), [
    ['constructor', 'a'],
    ['__proto__', 'b, c'],
    ['tostring', 'd'],
  ]);
});

test('a client that resets its stream ends the call at the destination, and the connection goes on', async () => {
  let gone: Promise<unknown> = Promise.resolve();
  await using world = await startTunnelWorld({
    answer: (request, response) => {
      if (request.url === '/x') gone = once(response, 'close');
      response.write('first');
      if (request.url !== '/x') response.end();
    },
  });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const stream = client.open();
  stream.end();
  await once(stream, 'data');
  stream.close(8);
  await gone;
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'client_gone');
  assert.equal((await client.call({ ':path': '/2' })).status, 200);
});

const posted = [':method', 'POST', ':scheme', 'https', ':authority', 'api.example', ':path', '/x'];

const givenUp: readonly [how: string, giveUp: (client: FrameClient) => void][] = [
  ['resets it without an error', ({ send }) => send(frame(frameTypes.reset, { stream: 1, payload: Buffer.alloc(4) }))],
  ['cancels it', ({ send }) => send(frame(frameTypes.reset, { stream: 1, payload: Buffer.from([0, 0, 0, 8]) }))],
  ['ends its connection', ({ tls }) => void tls.end()],
  ['loses its connection', ({ wire }) => void wire.resetAndDestroy()],
];

for (const [how, giveUp] of givenUp) {
  test(`an upload never looks whole to the destination when its client ${how}`, async () => {
    const [begun, over] = [Promise.withResolvers<void>(), Promise.withResolvers<boolean>()];
    await using world = await startTunnelWorld({
      answer: (request) => {
        request.once('data', () => begun.resolve());
        request.once('close', () => over.resolve(request.complete));
      },
    });
    await using client = await openFrames(world.exeat, { authorization: world.authorization() });
    client.send(headers(1, posted, { more: true }), frame(frameTypes.data, { stream: 1, payload: Buffer.from('half') }));
    await begun.promise;
    giveUp(client);
    assert.equal(await over.promise, false);
    const [event] = await world.exeat.events({ kind: 'call' });
    assert.equal(event?.['code'], 'client_gone');
  });
}

test('a client that ends its connection is not kept, and what runs on it ends at the destination', async () => {
  const [begun, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      begun.resolve();
      response.writeHead(200).write('begun');
      response.once('close', () => gone.resolve());
    },
  });
  await using client = await openFrames(world.exeat, { authorization: world.authorization() });
  client.send(headers(1, posted));
  await begun.promise;
  client.tls.end();
  await once(client.wire, 'close');
  await gone.promise;
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'client_gone');
});

test('an answer that breaks off is reset, so that it is not taken for whole', async () => {
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      response.writeHead(200);
      response.write('half');
      setTimeout(() => response.destroy(), 20);
    },
  });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const answer = await client.call();
  assert.deepEqual([answer.status, answer.body, answer.reset], [200, 'half', 2]);
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'upstream_broken');
});

test('a task that ends cuts its streams, and no further call of the connection is let through', async () => {
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    },
  });
  const task = world.exeat.open();
  await using client = await openHttp2(world.exeat, { authorization: task.authorization });
  const streams = Array.from({ length: 5 }, () => client.open());
  const answers = streams.map((stream) => answerOf(stream.end()));
  await Promise.all(streams.map((stream) => once(stream, 'data')));
  await world.exeat.sidecar.tasks.revoke(task.id, 'operator');
  for (const { reset } of await Promise.all(answers)) assert.equal(reset, 2);
  const refused = await client.call();
  assert.deepEqual([refused.status, refused.code], [403, 'task_revoked']);
});

test('a HEAD, a 204 and an empty answer have no body', async () => {
  await using world = await startTunnelWorld({
    answer: (request, response) => {
      if (request.url === '/204') response.statusCode = 204;
      response.end(request.method === 'HEAD' ? undefined : '');
    },
  });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  for (const head of [{ ':method': 'HEAD' }, { ':path': '/204' }, {}]) {
    const { body, reset } = await client.call(head);
    assert.deepEqual([body, reset], ['', 0]);
  }
  const refused = await client.call({ ':method': 'HEAD', ':authority': 'other.example' });
  assert.deepEqual([refused.status, refused.body, refused.reset], [421, '', 0]);
});

test('an upload that waits for 100 (Continue) is told to go on once it is let through', async () => {
  await using world = await startTunnelWorld();
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const stream = client.open({ ':method': 'PUT', expect: '100-continue' });
  const answer = answerOf(stream);
  await once(stream, 'continue');
  stream.end('body');
  assert.equal((await answer).status, 200);
  assert.equal(await world.origin.seen[0]?.body, 'body');
});

test('a sidecar that shuts down tells the client to go away, and lets what runs end', async () => {
  const held: ServerResponse[] = [];
  await using world = await startTunnelWorld({
    answer: (_request, response) => void held.push(response),
    config: { tasks: { drain: '5s' } },
  });
  const client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const call = client.call();
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const away = once(client.session, 'goaway');
  const closing = world.exeat.sidecar[Symbol.asyncDispose]();
  await away;
  held[0]?.end('late');
  assert.equal((await call).body, 'late');
  await closing;
});
