import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { brotliCompressSync, constants, createZstdCompress, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Reply } from '../../src/call.ts';
import { GuardedReply } from '../../src/egress/reflection.ts';
import { searchOf } from '../support/reflection.ts';

const token = 'ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789';
const stars = '*'.repeat(token.length);
const search = searchOf(`Bearer ${token}`);

/** A client that notes what it is sent. */
function client() {
  const seen = { head: [] as string[], status: 0, body: '', trailers: undefined as unknown, flushes: 0, ended: false, broken: false };
  const echoes: string[] = [];
  let unreadable = 0;
  let drained: (() => void) | undefined;
  const flow = { ready: true, waiting: 0 };
  const reply: Reply = {
    get started() {
      return seen.status !== 0;
    },
    gone: false,
    proceed() {},
    start(status, headers) {
      assert.equal(seen.status, 0, 'one head');
      Object.assign(seen, { status, head: headers });
    },
    flush: () => void (seen.flushes += 1),
    write(chunk) {
      assert.notEqual(seen.status, 0, 'the head first');
      if (!flow.ready) flow.waiting += 1;
      seen.body += Buffer.from(chunk).toString('latin1');
      return flow.ready;
    },
    end(chunk, trailers) {
      seen.body += Buffer.from(chunk ?? '').toString('latin1');
      Object.assign(seen, { trailers, ended: true });
    },
    breakOff: () => void (seen.broken = true),
    onDrain: (listener) => void (drained = listener),
    onClose() {},
  };
  const guarded = new GuardedReply(reply, {
    search,
    ranges: () => true,
    onEcho: (form, place) => void echoes.push(`${form} ${place}`),
    onUnreadable: () => void (unreadable += 1),
  });
  const ended = () => new Promise<void>((resolve) => guarded.onEnded(resolve));
  return { seen, echoes, guarded, ended, flow, drain: () => drained?.(), unreadable: () => unreadable };
}

async function until(isThere: () => boolean): Promise<void> {
  for (let tries = 0; !isThere() && tries < 2000; tries += 1) await pause(2);
  assert.ok(isThere());
}

const codings: readonly [coding: string, encode: (body: string) => Uint8Array][] = [
  ['gzip', gzipSync],
  ['X-GZIP', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
];
const plain = `{"items":"${'quite ordinary '.repeat(5000)}","echo":"${token}","rest":"${'z'.repeat(1000)}"}`;

for (const [coding, encode] of codings) {
  for (const size of [1, 7, 1000, 1_000_000]) {
    test(`a body in ${encode.name} coding, in chunks of ${size} bytes, goes on decoded and masked`, async () => {
      const { seen, echoes, guarded, ended } = client();
      const body = encode(plain);
      guarded.start(200, ['content-encoding', coding, 'content-length', String(body.length), 'etag', '"1"', 'x', 'y']);
      for (let at = 0; at < body.length; at += size) {
        guarded.write(body.subarray(at, at + size));
        if (size === 7) await turn();
      }
      guarded.end();
      await ended();
      assert.equal(seen.body, plain.replace(token, stars));
      assert.deepEqual([seen.status, seen.ended, echoes], [200, true, ['exact body']]);
      assert.ok(!seen.head.includes('content-encoding'));
    });
  }
}

test('a small coded body is there with its length, and nobody waits for a thread', () => {
  const { seen, guarded } = client();
  guarded.start(200, ['content-encoding', 'gzip', 'content-length', '0', 'etag', '"1"', 'repr-digest', 'x', 'unencoded-digest', 'y']);
  guarded.end(gzipSync('plain'));
  assert.deepEqual([seen.head, seen.body, seen.ended], [['etag', '"1"', 'unencoded-digest', 'y', 'content-length', '5'], 'plain', true]);
});

test('what is small in its coding only is decoded in a stream', async () => {
  const { seen, guarded, ended } = client();
  guarded.start(200, ['content-encoding', 'gzip']);
  guarded.end(gzipSync('0'.repeat(3_000_000)));
  assert.equal(seen.ended, false);
  await ended();
  assert.equal(seen.body.length, 3_000_000);
});

test('an event in a coded stream is passed on when it comes, and the head before there is any', async () => {
  const { createGzip, constants } = await import('node:zlib');
  const { seen, guarded } = client();
  const gzip = createGzip();
  gzip.on('data', (chunk: Buffer) => guarded.write(chunk));
  const flush = () => new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, resolve));
  guarded.start(200, ['content-type', 'text/event-stream', 'content-encoding', 'gzip']);
  await flush();
  await until(() => seen.flushes === 1);
  for (const event of ['data: one\n\n', `data: ${token}\n\n`]) {
    const before = seen.body;
    gzip.write(event);
    await flush();
    await until(() => seen.body === before + event.replace(token, stars));
  }
  guarded.breakOff();
  assert.ok(seen.broken && !seen.ended);
});

test('while the client does not read, no more is decoded', async () => {
  const { seen, guarded, ended, flow, drain } = client();
  flow.ready = false;
  guarded.start(200, ['content-encoding', 'gzip']);
  const body = gzipSync('0'.repeat(20_000_000), { level: 1 });
  guarded.write(body.subarray(0, 10_000));
  await turn();
  assert.equal(guarded.write(body.subarray(10_000, body.length - 1)), false, 'nor is more of the coded body wanted');
  let resumed = false;
  guarded.onDrain(() => (resumed = true));
  for (let i = 0; i < 20; i += 1) await turn();
  assert.ok(seen.body.length < 200_000, `${seen.body.length} decoded`);
  flow.ready = true;
  drain();
  await until(() => resumed);
  guarded.end(body.subarray(body.length - 1));
  await ended();
  assert.equal(seen.body.length, 20_000_000);
});

for (const headers of [
  ['content-encoding', 'compress'],
  ['content-encoding', 'dcb'],
  ['content-encoding', 'gzip, br'],
  ['content-encoding', 'gzip', 'content-encoding', 'gzip'],
  ['content-encoding', '__proto__'],
  ['grpc-encoding', 'gzip'],
]) {
  test(`an answer with ${headers.join(' ')} is refused before anything is sent`, () => {
    const { seen, guarded } = client();
    assert.throws(() => guarded.start(200, headers), { code: 'coding_unreadable' });
    assert.equal(seen.status, 0);
  });
}

test('a part of a coded body, and parts in one body, are refused', () => {
  for (const headers of [
    ['content-encoding', 'br', 'content-range', 'bytes 0-9/100'],
    ['content-type', 'multipart/byteranges; boundary=x'],
  ])
    assert.throws(() => client().guarded.start(206, headers), { code: 'coding_unreadable' });
});

test('a zstd frame that wants more memory than HTTP allows it is refused, at once or in a stream', async () => {
  for (const [windowLog, isFine] of [
    [23, true],
    [24, false],
  ] as const) {
    const compress = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
    // In two parts, so that the frame does not tell a length that would do for a window.
    compress.write(Buffer.alloc(100_000, 'a'));
    compress.end(Buffer.alloc(100_000, 'b'));
    const body = await buffer(compress);
    for (const inStream of [false, true]) {
      const { seen, guarded, ended, unreadable } = client();
      guarded.start(200, ['content-encoding', 'zstd']);
      guarded.write(body);
      if (inStream) await turn();
      guarded.end();
      if (isFine) await ended();
      else await until(() => unreadable() > 0);
      assert.equal(seen.body.length, isFine ? 200_000 : 0);
    }
  }
});

test('a part from the middle that is too short to be searched is refused, by whatever field it was asked for', () => {
  for (const [range, passes] of [
    ['bytes 100-131/200', true],
    ['bytes 0-2/200', true],
    ['bytes 197-199/200', true],
    ['bytes 100-131/*', true],
    ['bytes 100-130/200', false],
    ['Bytes 100-102/200', false],
    ['bytes 100-102/*', false],
    ['bytes 100-102', false],
    ['lines 1-2/3', false],
    ['', false],
  ] as const) {
    const start = () => client().guarded.start(206, range === '' ? [] : ['content-range', range]);
    if (passes) assert.doesNotThrow(start, range);
    else assert.throws(start, { code: 'coding_unreadable' }, range);
  }
});

test('a body that is broken in its coding is told, at once or in a stream, and nothing follows', async () => {
  const whole = Buffer.from(gzipSync(plain));
  for (const [chunks, isBegun] of [
    [[Buffer.from('no gzip')], false],
    [[whole.subarray(0, -9)], false],
    [[whole.subarray(0, 100), Buffer.alloc(200_000, 0xff)], true],
  ] as const) {
    const { seen, guarded, unreadable } = client();
    guarded.start(200, ['content-encoding', 'gzip']);
    for (const chunk of chunks) guarded.write(chunk);
    if (isBegun) await turn();
    guarded.end();
    await until(() => unreadable() > 0);
    guarded.breakOff();
    await turn();
    assert.equal(unreadable(), 1);
    assert.ok(!seen.ended);
  }
});

test('what follows a coded body is no part of it, and holds nothing up', async () => {
  const { seen, guarded, ended } = client();
  guarded.start(200, ['content-encoding', 'gzip']);
  guarded.write(Buffer.from(gzipSync(plain)));
  await turn();
  const waits: Promise<void>[] = [];
  for (let i = 0; i < 20; i += 1) {
    if (!guarded.write(Buffer.alloc(60_000))) waits.push(new Promise((resolve) => guarded.onDrain(resolve)));
    await Promise.all(waits);
  }
  guarded.end();
  await ended();
  assert.equal(seen.body, plain.replace(token, stars));
});

const validators = ['etag', '"1"', 'digest', 'a', 'content-digest', 'b', 'repr-digest', 'c', 'content-md5', 'd'];
validators.push('signature', 'e', 'signature-input', 'f', 'accept-ranges', 'bytes', 'unencoded-digest', 'g');

test('an echo in a field, or in what came with the head, takes the validators out of it', () => {
  const rest = ['content-length', '40', 'content-type', 'text/plain', 'via', '1.1 exeat'];
  const inField = client();
  inField.guarded.start(200, [...validators, ...rest, 'x-you', `Bearer ${token}`]);
  inField.guarded.end(Buffer.from('x'.repeat(40)));
  assert.deepEqual(inField.seen.head, [...rest, 'x-you', `Bearer ${stars}`]);
  assert.deepEqual(inField.echoes, ['exact header']);
  const inBody = client();
  inBody.guarded.start(200, [...validators, ...rest]);
  inBody.guarded.end(Buffer.from(token));
  assert.deepEqual([inBody.seen.head, inBody.seen.body], [rest, stars]);
  const clean = client();
  clean.guarded.start(200, [...validators, ...rest]);
  clean.guarded.end(Buffer.from('x'.repeat(40)));
  assert.deepEqual(clean.seen.head, [...validators, ...rest]);
});

test('a weak ETag stays, and an echo that comes after the head has left leaves the head as it was', async () => {
  const weak = client();
  weak.guarded.start(200, ['etag', 'W/"1"']);
  weak.guarded.end(Buffer.from(token));
  assert.deepEqual(weak.seen.head, ['etag', 'W/"1"']);
  const late = client();
  late.guarded.start(200, ['etag', '"1"', 'content-length', '80']);
  late.guarded.write(Buffer.from('x'.repeat(40)));
  late.guarded.end(Buffer.from(token));
  assert.deepEqual([late.seen.head, late.seen.body.length], [['etag', '"1"', 'content-length', '80'], 80]);
});

test('trailers are masked, and those that vouch for what was masked are left out', () => {
  const { seen, guarded, echoes } = client();
  guarded.start(200, []);
  guarded.write(Buffer.from('body'));
  guarded.end(undefined, [
    ['x-user', `token ${token}`],
    ['content-digest', 'sha-256=:x:'],
  ]);
  assert.deepEqual([seen.trailers, echoes], [[['x-user', `token ${stars}`]], ['exact trailer']]);
});

test('digits of a length are never taken for a secret', () => {
  const { seen, guarded } = client();
  guarded.start(200, ['content-length', '12345678', 'x', 'y']);
  guarded.end();
  assert.deepEqual(seen.head, ['content-length', '12345678', 'x', 'y']);
});

test('an answer without a body keeps what its head says of one', () => {
  for (const [status, headers, expected] of [
    [304, ['content-encoding', 'gzip', 'etag', '"1"'], ['content-encoding', 'gzip', 'etag', '"1"']],
    [304, ['content-encoding', 'unheard-of'], ['content-encoding', 'unheard-of']],
    [204, [], []],
    // To HEAD: what GET would be answered with.
    [200, ['content-length', '7', 'etag', '"1"'], ['content-length', '7', 'etag', '"1"']],
    [200, ['content-encoding', 'gzip', 'content-length', '7', 'etag', '"1"'], ['etag', '"1"']],
  ] as const) {
    const { seen, guarded } = client();
    guarded.start(status, [...headers]);
    guarded.end();
    assert.deepEqual([seen.head, seen.body, seen.ended], [expected, '', true]);
  }
});

test('the head does not wait for a chunk that is held back', async () => {
  const { seen, guarded } = client();
  guarded.start(200, []);
  guarded.write(Buffer.from(token.slice(0, 10)));
  assert.equal(seen.status, 0);
  await turn();
  assert.deepEqual([seen.status, seen.flushes, seen.body], [200, 1, '']);
  guarded.end();
  assert.equal(seen.body, token.slice(0, 10));
});
