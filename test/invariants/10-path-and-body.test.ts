import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

test('the path, query and body that were decided on are the ones that arrive, byte for byte', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin, { operations: ['/items/{id}'] }) } });
  await using wire = await openWire(exeat.proxy);
  const body = 'raw \u0001 bytes, {"a": 1, "a": 2}';
  wire.send(
    [
      `POST ${origin.url}/items/gr%c3%bcn?b=2&a=1&a=%20 HTTP/1.1`,
      `Host: ${origin.host}`,
      `Proxy-Authorization: ${exeat.open().authorization}`,
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
  );
  await wire.until(/ok":true/);
  const [event] = await exeat.events({ kind: 'call' });
  assert.equal(origin.seen[0]?.url, '/items/gr%C3%BCn?b=2&a=1&a=%20');
  assert.equal(event?.['path'], '/items/gr%C3%BCn');
  assert.equal(event?.['operation'], 'api write /items/{id}');
  assert.deepEqual(event?.['query'], ['b', 'a', 'a']);
  assert.equal(await origin.seen[0]?.body, body);
});

test('what an origin could read as another path is refused unless the destination says otherwise, and then seen as it is sent', async () => {
  await using origin = await startOrigin();
  await using closed = await startTestSidecar({ destinations: { api: loopback(origin) } });
  await using open = await startTestSidecar({ destinations: { api: loopback(origin, { unsafe_encoded_path: true }) } });
  for (const [exeat, status] of [
    [closed, 400],
    [open, 200],
  ] as const) {
    const options = { proxy: exeat.proxy, authorization: exeat.open().authorization };
    for (const path of ['/a%2Fb', '/a;b/c']) assert.equal((await call(origin.url + path, options)).status, status);
    assert.equal((await call(`${origin.url}/a/..;/b`, options)).code, 'ambiguous_path');
  }
  assert.deepEqual(
    origin.seen.map(({ url }) => url),
    ['/a%2Fb', '/a;b/c'],
  );
  const events = await open.events({ kind: 'call', code: undefined }, 2);
  assert.deepEqual(
    events.map(({ path }) => path),
    ['/a%2Fb', '/a;b/c'],
  );
});

test('what Exeat adds to a request is Host, Via, framing and the credential; all else arrives as it was sent, in its order', async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'secret');
  writeFileSync(file, 'the-secret');
  const credential = { kind: 'static', header: 'x-token', value: { file }, expires: '2999-01-01', reason: 'test' };
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin, { credential }) } });
  const own = [
    ['X-Custom', 'a'],
    ['x-custom', 'B'],
    ['Accept', 'text/html;q=0.9, */*'],
    ['Content-Type', 'application/json'],
    ['If-None-Match', '"abc"'],
    ['Range', 'bytes=0-9'],
  ];
  const { authorization } = exeat.open();
  const fields = own.map(([name, value]) => `${name}: ${value}`);
  await call(`${origin.url}/x`, { proxy: exeat.proxy, authorization, method: 'POST', body: 'four', fields });
  const raw = origin.seen[0]?.rawHeaders ?? [];
  const pairs = Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i], raw[2 * i + 1]]);
  const added = pairs.filter(([name, value]) => !own.some(([a, b]) => a === name && b === value));
  assert.deepEqual(
    pairs.filter((pair) => !added.includes(pair)),
    own,
  );
  const names = new Set(added.map(([name]) => name?.toLowerCase()));
  assert.deepEqual(names, new Set(['host', 'via', 'x-token', 'connection', 'content-length']));
  assert.equal(await origin.seen[0]?.body, 'four');
});
