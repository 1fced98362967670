import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
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
