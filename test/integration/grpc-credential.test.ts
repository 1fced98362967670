import { status, type ServiceError } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from '../support/broker.ts';
import { createRoot } from '../support/certificates.ts';
import { failure, methods, say, startGrpcWorld } from '../support/grpc.ts';
import { openHttp2 } from '../support/http2.ts';
import { startTokenServer } from '../support/token-server.ts';
import { secret, startTunnelWorld } from '../support/tunnel.ts';

test('UNAUTHENTICATED to our credential is what a 401 is: the agent gets another status, and the next call another token', async () => {
  await using authority = await startTokenServer();
  await using world = await startGrpcWorld({
    destination: { credential: { kind: 'token-exchange', audience: 'a' } },
    config: { authority: { issuer: authority.issuer, unsafe_cleartext: true } },
  });
  const client = world.client(world.exeat.open());
  const error = await failure(say(client, 'reject'));
  assert.equal(error.code, status.PERMISSION_DENIED);
  assert.match(error.details, /^Exeat: .*\(credential_rejected\)$/);
  await say(client, 'again');
  const [first, second] = world.seen.metadata.map((each) => each.get('authorization')[0]);
  assert.ok(first !== undefined && second !== undefined && first !== second);
  const [event] = await world.exeat.events({ kind: 'call', code: 'credential_rejected' });
  assert.deepEqual([event?.['status'], event?.['received_status'], event?.['grpc_status']], [502, 200, status.UNAUTHENTICATED]);
});

test('UNAUTHENTICATED after messages have passed ends the call in our words too', async () => {
  await using world = await startGrpcWorld();
  const client = world.client(world.exeat.open());
  const { path, requestSerialize, responseDeserialize } = methods.Chat;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  call.write('a');
  assert.deepEqual(await once(call, 'data'), ['A']);
  const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  call.write('reject');
  const error = await ended;
  assert.equal(error.code, status.PERMISSION_DENIED);
  assert.match(error.details, /\(credential_rejected\)$/);
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['status'], event?.['code'], event?.['grpc_status']], [200, 'credential_rejected', status.UNAUTHENTICATED]);
});

test('UNAUTHENTICATED where no credential of ours was sent passes through, as every other status, and is in the audit', async () => {
  await using world = await startGrpcWorld({ destination: { credential: undefined } });
  const client = world.client(world.exeat.open());
  for (const [text, code] of [
    ['reject', status.UNAUTHENTICATED],
    ['fail', status.NOT_FOUND],
  ] as const) {
    assert.equal((await failure(say(client, text))).code, code);
    const [event] = await world.exeat.events({ kind: 'call', grpc_status: code });
    assert.deepEqual([event?.['status'], event?.['code']], [200, undefined]);
  }
  await say(client, 'fine');
  await world.exeat.events({ kind: 'call', grpc_status: status.OK });
});

test('messages are asked for uncompressed, so that an echoed credential is masked in them; compressed ones are not passed on', async () => {
  using folder = temporaryFolder();
  const root = await createRoot();
  const ca = join(folder.path, 'ca.pem');
  writeFileSync(ca, root.pem);
  const server = createSecureServer(await root.issue(['api.example']));
  const asked: unknown[] = [];
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    asked.push(headers['grpc-accept-encoding']);
    const encoding = String(headers['x-answer-in']);
    const message = encoding === 'gzip' ? gzipSync(`you sent ${secret}`) : Buffer.from(`you sent ${secret}`);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': encoding }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-echo': secret }));
    stream.end(Buffer.concat([Buffer.from([encoding === 'gzip' ? 1 : 0, 0, 0, 0, message.length]), message]));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connect_to = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await using world = await startTunnelWorld({ destination: { protocol: 'grpc', connect_to, ca } });
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  const fields = {
    ':method': 'POST',
    ':path': '/s.S/M',
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-accept-encoding': 'gzip',
  };
  const plain = await client.call({ ...fields, 'x-answer-in': 'identity' });
  assert.equal(plain.body.slice(5), `you sent ${'*'.repeat(secret.length)}`);
  assert.deepEqual([plain.trailers['grpc-status'], plain.trailers['x-echo']], ['0', '*'.repeat(secret.length)]);
  const coded = await client.call({ ...fields, 'x-answer-in': 'gzip' });
  assert.equal(coded.body, '');
  assert.match(String(coded.headers['grpc-message']), /\(coding_unreadable\)$/);
  assert.deepEqual(asked, ['identity', 'identity']);
  server.close();
});
