import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { startProtectedApi } from '../support/protected-api.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openStream, startStreams } from '../support/streams.ts';
import { openWire } from '../support/wire.ts';

test('every call of a task leaves exactly one final event, however it ends', async () => {
  await using origin = await startOrigin((request, response) => {
    if (request.url === '/broken') return void request.socket.destroy();
    if (request.url === '/half') {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half');
      return void setImmediate(() => response.destroy());
    }
    if (request.url === '/slow') return undefined;
    return void response.end('ok');
  });
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin, { timeouts: { headers: '1s' } }), dead: loopback({ url: 'http://127.0.0.1:1' }) },
    policy: '@id("not-delete") permit (principal, action, resource) unless { context.http.method == "DELETE" };',
  });
  const task = exeat.open();
  const calls: readonly [method: string, url: string, code: string | undefined][] = [
    ['GET', `${origin.url}/fine`, undefined],
    ['DELETE', `${origin.url}/fine`, 'policy_denied'],
    ['GET', `${origin.url}/broken`, 'upstream_broken'],
    ['GET', `${origin.url}/half`, 'upstream_broken'],
    ['GET', `${origin.url}/slow`, 'upstream_timeout'],
    ['GET', 'http://127.0.0.1:1/', 'connect_failed'],
    ['GET', 'http://unknown.example/', 'destination_unknown'],
  ];
  for (const [method, url] of calls) {
    await using wire = await openWire(exeat.proxy);
    wire.send(
      `${method} ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nProxy-Authorization: ${task.authorization}\r\nConnection: close\r\n\r\n`,
    );
    await wire.closed();
  }
  const events = await exeat.events({ kind: 'call', task: task.id }, calls.length);
  assert.deepEqual(
    events.map((event) => event['code']),
    calls.map(([, , code]) => code),
  );
  assert.equal(new Set(events.map((event) => event['call'])).size, calls.length);
});

function codes(events: readonly Record<string, unknown>[]): unknown[] {
  return events.map(({ code }) => code);
}

test('a call that its client or its task ends has one too, and refusals that no task stands behind are summed', async () => {
  await using origin = await startStreams();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
  const [left, cut] = [exeat.open(), exeat.open('work', { calls: 1 })];
  const abandoned = await openStream(exeat, { origin, task: left, path: '/left' });
  await abandoned[Symbol.asyncDispose]();
  await using stream = await openStream(exeat, { origin, task: cut, path: '/cut' });
  assert.equal((await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: cut.authorization })).code, 'budget_spent');
  await exeat.sidecar.tasks.revoke(cut.id, 'operator');
  await stream.broken();
  for (const authorization of ['Basic YTpi', 'Basic YTpi', 'nonsense']) {
    assert.equal((await call(`${origin.url}/`, { proxy: exeat.proxy, authorization })).status, 407);
  }
  await using wire = await openWire(exeat.proxy);
  wire.send('nonsense\r\n\r\n');
  await wire.closed();
  assert.deepEqual(codes(await exeat.events({ kind: 'call', task: left.id })), ['client_gone']);
  assert.deepEqual(codes(await exeat.events({ kind: 'call', task: cut.id }, 2)), ['budget_spent', 'task_revoked']);
  await exeat.sidecar[Symbol.asyncDispose]();
  const calls = exeat.allEvents().filter(({ kind }) => kind === 'call');
  assert.equal(calls.length, 3);
  const summed = exeat.allEvents().filter(({ kind }) => kind === 'call.refused');
  assert.equal(
    summed.reduce((sum, { count }) => sum + Number(count), 0),
    4,
  );
});

test('a request that could be read in two ways has an event of its task, where that is plain to see, and is summed where it is not', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin), routed: { route: '/api', url: 'https://routed.example' } },
  });
  const task = exeat.open();
  const forward = [`GET ${origin.url}/a/../b HTTP/1.1`, `Host: ${origin.host}`];
  const known = `Proxy-Authorization: ${task.authorization}`;
  const messages = [
    [...forward, known],
    [`GET http://user:pw@${origin.host}/x HTTP/1.1`, `Host: ${origin.host}`, known],
    [`GET ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`, `Host: ${origin.host}`, known],
    ['GET /api/a%2e/b HTTP/1.1', `Host: ${exeat.proxy}`, `X-Api-Key: ${task.credential}`],
    ['GET /api/x HTTP/1.1', `Host: ${exeat.proxy}`, `Exeat-Task: ${task.credential}`, 'Connection: cookie'],
    // Which of two it is, or that it is one at all, is not for us to guess.
    [...forward, known, known],
    [...forward, `Proxy_Authorization: ${task.authorization}`],
    [...forward],
    [...forward, 'Proxy-Authorization: Basic YTpi'],
  ];
  for (const message of messages) {
    await using wire = await openWire(exeat.proxy);
    wire.send(`${message.join('\r\n')}\r\n\r\n`);
    assert.match(await wire.closed(), /^HTTP\/1\.1 400 /);
  }
  const events = await exeat.events({ kind: 'call', task: task.id }, 5);
  assert.deepEqual(
    events.map(({ door, host, path, code, status }) => [door, host, path, code, status]),
    [
      ['forward', origin.host, '/a/../b', 'ambiguous_path', 400],
      ['forward', '', '', 'malformed_request', 400],
      ['forward', origin.host, '/x', 'malformed_request', 400],
      ['route', undefined, '/api/a%2e/b', 'ambiguous_path', 400],
      ['route', undefined, '/api/x', 'malformed_request', 400],
    ],
  );
  await exeat.sidecar[Symbol.asyncDispose]();
  const summed = exeat.allEvents().filter(({ kind }) => kind === 'call.refused');
  assert.equal(
    summed.reduce((sum, { count }) => sum + Number(count), 0),
    4,
  );
  assert.equal(origin.seen.length, 0);
});

test('every issuance, revocation and change of privilege has an event of its own, in the order in which it happened', async () => {
  await using world = await startProtectedApi();
  const { exeat } = world;
  const loaded = ['config', 'policy', 'unsafe'].map(() => 'privilege.changed');
  assert.equal(await world.call(), 200);
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  await exeat.sidecar.tasks.complete(world.task.id, 'operator');
  await exeat.sidecar[Symbol.asyncDispose]();
  assert.deepEqual(
    exeat
      .allEvents()
      .map(({ kind }) => kind)
      .filter((kind) => kind !== 'checkpoint'),
    [...loaded, 'task.opened', 'credential.issuing', 'credential.issued', 'call', ...loaded, 'task.completed', 'credential.revoked'],
  );
});
