import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

const policy = '@id("reads") permit (principal, action in Action::"read", resource);';

test('no connection is opened to a destination for a call that is refused, at whichever step', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin), other: { hosts: ['other.example'] } },
    intents: {
      work: { description: 'w', destinations: ['api'], budget: { calls: 1 } },
      else: { description: 'e', destinations: ['other'] },
    },
    policy,
  });
  const call = async (authorization: string | undefined, line: string) => {
    await using wire = await openWire(exeat.proxy);
    wire.send(
      `${line} HTTP/1.1\r\nHost: ${origin.host}\r\n${authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`}\r\n`,
    );
    return Number(/ (\d+) /.exec(await wire.until(/\r\n\r\n[^]*\}/))?.[1]);
  };
  const ended = exeat.open();
  await exeat.sidecar.tasks.complete(ended.id, 'operator');
  const paused = exeat.open();
  exeat.sidecar.tasks.pause(paused.id, 'operator');
  assert.equal(await call(undefined, `GET ${origin.url}/`), 407);
  assert.equal(await call('Basic YTpi', `GET ${origin.url}/`), 407);
  assert.equal(await call(ended.authorization, `GET ${origin.url}/`), 403);
  assert.equal(await call(paused.authorization, `GET ${origin.url}/`), 403);
  assert.equal(await call(exeat.open('else').authorization, `GET ${origin.url}/`), 403);
  assert.equal(await call(exeat.open().authorization, `POST ${origin.url}/`), 403);
  assert.equal(origin.connections(), 0);
  const last = exeat.open();
  assert.equal(await call(last.authorization, `GET ${origin.url}/`), 200);
  assert.equal(await call(last.authorization, `GET ${origin.url}/`), 429);
  assert.equal(origin.seen.length, 1);
});

test("Exeat's own listeners are never dialled, whatever the destination is called", async () => {
  await using exeat = await startTestSidecar({
    destinations: { api: loopback({ url: 'http://self.example' }, { connect_to: '127.0.0.1:1' }) },
  });

  const { authorization } = exeat.open();
  const port = exeat.sidecar.health.slice(exeat.sidecar.health.lastIndexOf(':') + 1);
  exeat.rewrite({ destinations: { api: loopback({ url: 'http://self.example' }, { connect_to: `127.0.0.1:${port}` }) } });
  assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET http://self.example/metrics HTTP/1.1\r\nHost: self.example\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
  assert.match(await wire.until(/\}$/), /^HTTP\/1\.1 403 [^]*own_listener/);
});
