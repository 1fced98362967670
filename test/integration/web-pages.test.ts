import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestConfig } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

// A page in a browser on the same host can reach every port on loopback, by address or by a name of its own that it makes resolve to it.

async function startWorld(config: Partial<TestConfig> = {}) {
  const stack = new AsyncDisposableStack();
  const [api, routed] = [stack.use(await startOrigin()), stack.use(await startOrigin())];
  const route = { route: '/api', url: routed.url, allow_private: true };
  const exeat = stack.use(await startTestSidecar({ destinations: { api: loopback(api), routed: route }, ...config }));
  const ask = async (request: string, host: string, ...fields: string[]) => {
    await using wire = await openWire(exeat.proxy);
    wire.send([`${request} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, '', ''].join('\r\n'));
    const transcript = await wire.closed();
    return [Number(/^HTTP\/1\.1 (\d+)/.exec(transcript)?.[1]), /"code":"(\w+)"/.exec(transcript)?.[1]];
  };
  return { api, exeat, ask, seen: () => api.seen.length + routed.seen.length, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const fine = [200, undefined];
const byDefault: Partial<TestConfig> = { tasks: { default_intent: 'work' } };

test('a path is a route only under a name of this listener, so that no other name can be made to resolve to it', async () => {
  await using world = await startWorld({ listen: { proxy_hosts: ['exeat.internal:80', 'Pod.Example:7070'] } });
  const task = `Exeat-Task: ${world.exeat.open().credential}`;
  const port = world.exeat.proxy.split(':')[1];
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`, 'exeat.internal', 'pod.example:7070'])
    assert.deepEqual(await world.ask('GET /api/x', host, task), fine, host);
  const seen = world.seen();
  for (const host of [
    `evil.example:${port}`,
    'evil.example',
    '127.0.0.1',
    'localhost:1',
    `127.0.0.1.evil.example:${port}`,
    `a@127.0.0.1:${port}`,
  ])
    assert.deepEqual(await world.ask('GET /api/x', host, task), [400, 'malformed_request'], host);
  assert.equal(world.seen(), seen);
});

test('no web page drives a default task, on either door, unless it is our own', async () => {
  await using world = await startWorld(byDefault);
  const own = world.exeat.proxy;
  const refused: readonly [request: string, host: string, field: string][] = [
    ['POST /api/x', own, 'Origin: http://evil.example'],
    ['GET /api/x', own, 'Origin: null'],
    ['GET /api/x', own, 'Sec-Fetch-Site: cross-site'],
    ['GET /api/x', own, 'Sec-Fetch-Site: same-site'],
    ['OPTIONS /api/x', own, 'Origin: https://evil.example'],
    ['GET /api/x', own, `Origin: https://${own}`],
    [`POST ${world.api.url}/x`, world.api.host, 'Origin: http://evil.example'],
  ];
  for (const [request, host, field] of refused) assert.deepEqual(await world.ask(request, host, field), [403, 'origin_refused'], field);
  assert.equal(world.seen(), 0);
  const passed: readonly [request: string, host: string, ...fields: string[]][] = [
    ['POST /api/x', own],
    ['POST /api/x', own, `Origin: http://${own}`, 'Sec-Fetch-Site: same-origin'],
    ['GET /api/x', own, 'Sec-Fetch-Site: none'],
    [`GET ${world.api.url}/x`, world.api.host],
  ];
  for (const [request, host, ...fields] of passed) assert.deepEqual(await world.ask(request, host, ...fields), fine, fields.join());
  await world.exeat.sidecar[Symbol.asyncDispose]();
  assert.equal(world.exeat.allEvents().filter(({ kind }) => kind === 'call').length, passed.length);
});

test('a call that shows a task credential may come from a page or a desktop application: no foreign page knows one', async () => {
  await using world = await startWorld();
  const { authorization, credential } = world.exeat.open();
  const origin = 'Origin: app://electron';
  assert.deepEqual(await world.ask(`GET ${world.api.url}/x`, world.api.host, origin, `Proxy-Authorization: ${authorization}`), fine);
  assert.deepEqual(await world.ask('GET /api/x', world.exeat.proxy, origin, `Authorization: Bearer ${credential}`), fine);
  assert.deepEqual(await world.ask('GET /api/x', world.exeat.proxy, origin), [403, 'task_credential_refused']);
});
