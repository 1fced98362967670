import { status } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, say, startGrpcWorld } from '../support/grpc.ts';
import { openHttp2 } from '../support/http2.ts';
import { startOrigin } from '../support/origin.ts';
import { callInside, startTunnelWorld } from '../support/tunnel.ts';

const authority = 'grpc.example:443';

test('what is not gRPC is not passed on to a gRPC destination, by HTTP/1.1 or HTTP/2', async () => {
  await using world = await startGrpcWorld();
  const { authorization } = world.exeat.open();
  const fields = ['Content-Type: application/grpc'];
  const old = await callInside(world.exeat, { authorization, authority, method: 'POST', path: '/test.v1.Echo/Say', fields, body: 'x' });
  assert.deepEqual([old.status, old.code], [415, 'grpc_only']);
  await using client = await openHttp2(world.exeat, { authorization, authority });
  const json = await client.call({ ':method': 'POST', ':path': '/test.v1.Echo/Say', 'content-type': 'application/json' }, '{}');
  assert.deepEqual([json.status, json.code], [415, 'grpc_only']);
  const grpc = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
  for (const path of ['/', '/Say', '/a/b/c']) {
    const { status: http, headers } = await client.call({ ...grpc, ':path': path });
    assert.deepEqual([http, headers['grpc-status']], [200, String(status.UNIMPLEMENTED)], path);
  }
  const elsewhere = await client.call({ ...grpc, ':path': '/test.v1.Echo/Say', ':authority': 'other.example' });
  assert.deepEqual([elsewhere.headers['grpc-status'], /misdirected/.test(String(elsewhere.headers['grpc-message']))], ['7', true]);
  assert.equal(world.seen.metadata.length, 0);
});

test('a destination that speaks no HTTP/2 is told as such, and sent nothing', async () => {
  await using tls = await startTunnelWorld({ destination: { protocol: 'grpc' } });
  await using client = await openHttp2(tls.exeat, { authorization: tls.authorization() });
  const grpc = { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers' };
  const { headers } = await client.call(grpc);
  assert.match(String(headers['grpc-message']), /http2_missing|tls_handshake_failed/);
  assert.equal(tls.origin.seen.length, 0);
});

test('the upstream call goes over one connection, however many run at once', async () => {
  await using world = await startGrpcWorld();
  const client = world.client(world.exeat.open());
  const said = await Promise.all(Array.from({ length: 100 }, (_, i) => say(client, String(i))));
  assert.deepEqual(
    said.map(({ text }) => Number(text)),
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.equal((await failure(say(client, 'fail'))).code, status.NOT_FOUND);
  assert.equal(new Set(world.seen.peers).size, 1);
});

test('in clear, by explicit leave and on loopback, gRPC is spoken inside of a CONNECT without TLS', async () => {
  await using world = await startGrpcWorld({ cleartext: true });
  const client = world.client(world.exeat.open());
  assert.equal((await say(client, 'hello')).text, 'hello');
  await using plain = await startOrigin();
  assert.equal(plain.seen.length, 0);
});
