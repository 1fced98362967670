import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { InboundCall, Reply } from '../../src/call.ts';
import { isRefusal } from '../../src/errors.ts';
import { holdBody } from '../../src/message-body.ts';

const silent = { proceed: () => {} } as unknown as Reply;

function callWith(body: PassThrough | undefined, more: Partial<InboundCall> = {}): InboundCall {
  return { body, bodyLength: undefined, expectsContinue: false, ...more } as InboundCall;
}

function bodyOf(bytes: number): PassThrough {
  return new PassThrough().end(Buffer.alloc(bytes));
}

async function refusedWith(call: InboundCall, limit: number): Promise<string> {
  const held = await holdBody(call, silent, limit);
  return isRefusal(held) ? held.refused : 'held';
}

test('a body that comes in pieces is held whole', async () => {
  const body = new PassThrough();
  const reading = holdBody(callWith(body), silent, 100);
  body.write('one ');
  body.end('two');
  const held = await reading;
  assert.ok(!isRefusal(held));
  assert.equal(String(held.bytes), 'one two');
  held.release();
});

test('a call without a body is held as nothing', async () => {
  const held = await holdBody(callWith(undefined), silent, 100);
  assert.ok(!isRefusal(held));
  assert.equal(held.bytes.length, 0);
});

test('what declares more than the limit is refused unread, and its client is not asked to go on', async () => {
  const reply = { proceed: () => assert.fail('asked to go on') } as unknown as Reply;
  const held = await holdBody(callWith(new PassThrough(), { bodyLength: 101, expectsContinue: true }), reply, 100);
  assert.ok(isRefusal(held));
  assert.equal(held.refused, 'body_too_large');
});

test('what turns out longer than the limit is refused', async () => {
  const body = new PassThrough();
  body.write(Buffer.alloc(101));
  assert.equal(await refusedWith(callWith(body), 100), 'body_too_large');
});

test('a client that leaves in the middle of its body is gone', async () => {
  const body = new PassThrough();
  const reading = refusedWith(callWith(body), 100);
  body.write('half');
  body.destroy();
  assert.equal(await reading, 'client_gone');
});

test('all bodies together have a limit, and what is released makes room', async () => {
  const large = 100 * 1024 * 1024;
  const held = [await holdBody(callWith(bodyOf(large)), silent, large), await holdBody(callWith(bodyOf(large)), silent, large)];
  assert.equal(await refusedWith(callWith(bodyOf(large)), large), 'overloaded');
  for (const each of held) if (!isRefusal(each)) each.release();
  const again = await holdBody(callWith(bodyOf(large)), silent, large);
  assert.ok(!isRefusal(again));
  again.release();
});
