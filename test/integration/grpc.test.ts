import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { failure, methods, say, startGrpcWorld } from '../support/grpc.ts';
import { secret } from '../support/tunnel.ts';

test('a unary call goes through with the credential injected, and its trailers and errors come back', async () => {
  await using world = await startGrpcWorld();
  const client = world.client(world.exeat.open());
  const { text, trailers } = await say(client, 'hello');
  assert.deepEqual([text, trailers.get('x-trailer')], ['hello', ['kept']]);
  assert.deepEqual(world.seen.metadata[0]?.get('x-token'), [secret]);
  const error = await failure(say(client, 'fail'));
  assert.deepEqual([error.code, error.details, error.metadata.get('x-trailer')], [status.NOT_FOUND, 'no such thing', ['kept']]);
  const [event] = await world.exeat.events({ kind: 'call' }, 2);
  assert.deepEqual(
    [event?.['operation'], event?.['method'], event?.['status'], event?.['decision']],
    ['grpc write /test.v1.Echo/Say', 'POST', 200, 'allow'],
  );
});

test('a server streams as much as the client reads, and all of it arrives', async () => {
  await using world = await startGrpcWorld();
  const client = world.client(world.exeat.open());
  const { path, requestSerialize, responseDeserialize } = methods.Count;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, '20000');
  let last = '';
  call.on('data', (text: string) => (last = text));
  const [final] = (await once(call, 'status')) as [StatusObject];
  assert.deepEqual([last, final.code, final.metadata.get('x-trailer')], ['20000', status.OK, ['kept']]);
});

test('a client streams, and is held back while the server does not read', async () => {
  await using world = await startGrpcWorld();
  const client = world.client(world.exeat.open());
  const { path, requestSerialize, responseDeserialize } = methods.Collect;
  const { promise, resolve } = Promise.withResolvers<string>();
  const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (_error, text) => resolve(text ?? ''));
  for (const text of ['one', 'three', 'seventeen']) call.write(text);
  call.end();
  assert.equal(await promise, '17');
  const held = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, () => {});
  held.on('error', () => {});
  held.write('stop reading');
  const message = 'x'.repeat(64 * 1024);
  let written = 0;
  const write = async (): Promise<void> => {
    for (; written < 500; written += 1) await new Promise<void>((done) => void held.write(message, () => done()));
  };
  await Promise.race([write(), new Promise((done) => setTimeout(done, 700))]);
  assert.ok(written < 100, `${written} messages of 64 KB were taken for a server that reads none`);
  held.cancel();
});

test('both sides stream at once: an answer comes before the request has ended', async () => {
  await using world = await startGrpcWorld();
  const client = world.client(world.exeat.open());
  const { path, requestSerialize, responseDeserialize } = methods.Chat;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  for (const text of ['a', 'b', 'c']) {
    call.write(text);
    assert.deepEqual(await once(call, 'data'), [text.toUpperCase()]);
  }
  call.end();
  call.resume();
  const [final] = (await once(call, 'status')) as [StatusObject];
  assert.deepEqual([final.code, final.metadata.get('x-trailer')], [status.OK, ['kept']]);
});

test('a client that cancels, and one whose deadline passes, end the call at the server', async () => {
  await using world = await startGrpcWorld();
  const client = world.client(world.exeat.open());
  const { path, requestSerialize, responseDeserialize } = methods.Chat;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  call.on('error', () => {});
  call.write('a');
  await once(call, 'data');
  call.cancel();
  assert.equal((await failure(say(client, 'hang', 300))).code, status.DEADLINE_EXCEEDED);
  for (let tries = 0; world.seen.cancelled < 2 && tries < 200; tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(world.seen.cancelled, 2);
  assert.equal((await say(client, 'still there')).text, 'still there');
});

test('policy sees service and method, and a denial is a status of gRPC', async () => {
  const policy = `
    @id("say") permit (principal, action == Action::"call_method", resource in Destination::"grpc")
      when { context.grpc.service == "test.v1.Echo" && context.grpc.method == "Say" };`;
  await using world = await startGrpcWorld({ config: { policy } });
  const client = world.client(world.exeat.open());
  assert.equal((await say(client, 'hello')).text, 'hello');
  const { path, requestSerialize, responseDeserialize } = methods.Count;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, '1');
  call.resume();
  const [error] = (await once(call, 'error').catch((caught: unknown) => [caught])) as [ServiceError];
  assert.equal(error.code, status.PERMISSION_DENIED);
  assert.match(error.details, /^Exeat: No policy permits this operation .*\(policy_denied\)$/);
  assert.equal(world.seen.metadata.length, 1);
  const [event] = await world.exeat.events({ kind: 'call', code: 'policy_denied' });
  assert.deepEqual([event?.['operation'], event?.['status']], ['grpc write /test.v1.Echo/Count', 403]);
});

test('a revoked task ends its streams with PERMISSION_DENIED, and lets no further call through', async () => {
  await using world = await startGrpcWorld();
  const task = world.exeat.open();
  const client = world.client(task);
  const { path, requestSerialize, responseDeserialize } = methods.Chat;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  call.write('a');
  await once(call, 'data');
  const failed = once(call, 'error').catch((caught: unknown) => [caught]);
  const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  await world.exeat.sidecar.tasks.revoke(task.id, 'operator');
  const error = await ended;
  await failed;
  assert.equal(error.code, status.PERMISSION_DENIED);
  assert.match(error.details, /task_revoked/);
  const refused = await failure(say(client, 'again'));
  assert.deepEqual([refused.code, /task_revoked/.test(refused.details)], [status.PERMISSION_DENIED, true]);
  assert.equal(world.seen.metadata.length, 1);
});

test('a destination that is gone, or is no server of HTTP/2, is UNAVAILABLE, and nothing is sent twice', async () => {
  await using world = await startGrpcWorld();
  const client = world.client(world.exeat.open());
  const { path, requestSerialize, responseDeserialize } = methods.Chat;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  call.write('a');
  await once(call, 'data');
  const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  world.stop();
  assert.equal((await ended).code, status.UNAVAILABLE);
  assert.equal((await failure(say(client, 'anyone?'))).code, status.UNAVAILABLE);
  assert.equal(world.seen.metadata.length, 1);
});
