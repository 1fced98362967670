import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { headers, openFrames, type FrameClient } from '../support/http2-frames.ts';
import { startTunnelWorld } from '../support/tunnel.ts';

// Header blocks that are no request (RFC 9113 §8.2 and §8.3), frame by frame, since no client library would send them. Node's library refuses
// them before they are a stream of ours.

const [method, scheme, authority, path] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'api.example'],
  [':path', '/x'],
] as const;
const request = [...method, ...scheme, ...authority, ...path];

const unread: readonly [what: string, fields: readonly string[]][] = [
  ['a name in upper case', [...request, 'X-A', 'b']],
  ['Connection', [...request, 'connection', 'close']],
  ['Transfer-Encoding', [...request, 'transfer-encoding', 'chunked']],
  ['TE that says more than trailers', [...request, 'te', 'gzip']],
  ['a doubled :path', [...request, ...path]],
  ['a pseudo-header behind a field', [...method, ...scheme, ...authority, 'x-a', 'b', ...path]],
  ['a pseudo-header of answers', [...request, ':status', '200']],
  ['no :path', [...method, ...scheme, ...authority]],
  ['a space in :path', [...method, ...scheme, ...authority, ':path', '/x y']],
  ['a line break in :path', [...method, ...scheme, ...authority, ':path', '/x HTTP/1.1\r\nHost: a']],
  ['user-info in :authority', [...method, ...scheme, ':authority', 'a@api.example', ...path]],
  ['a space in :method', [':method', 'GET /', ...scheme, ...authority, ...path]],
  ['two lengths', [...request, 'content-length', '0', 'content-length', '0']],
  ['a length and no body', [...request, 'content-length', '5']],
  [':protocol', [':method', 'CONNECT', ':protocol', 'websocket', ...scheme, ...authority, ...path]],
  ['too many fields', [...request, ...Array.from({ length: 130 }, (_, i) => [`x-${i}`, '']).flat()]],
];

const ends: readonly [how: string, end: (client: FrameClient) => void | Promise<void>][] = [
  [
    'another request follows',
    async (client) => {
      client.send(headers(5, request));
      assert.equal(await client.ended(5), 'answered');
      client.tls.end();
    },
  ],
  ['its client says that it ends', ({ tls }) => void tls.end()],
  ['its connection is reset', ({ wire }) => void wire.resetAndDestroy()],
];

for (const [how, end] of ends) {
  test(`a header block that is no request is reset and reaches nobody, and it is counted as a refusal, when ${how}`, async (t) => {
    await using world = await startTunnelWorld();
    for (const [what, fields] of unread) {
      await t.test(what, async () => {
        await using client = await openFrames(world.exeat, { authorization: world.authorization() });
        client.send(headers(1, request), headers(3, fields));
        assert.equal(await client.ended(3), 'reset');
        await client.ended(1);
        await end(client);
        if (!client.wire.closed) await once(client.wire, 'close');
      });
    }
    let counted = 0;
    while (counted < unread.length) {
      const sums = await world.exeat.events({ kind: 'call.refused' });
      counted = sums.reduce((total, { count, codes }) => {
        assert.deepEqual(codes, { malformed_request: count });
        return total + Number(count);
      }, 0);
    }
    assert.equal(counted, unread.length);
    assert.equal(world.origin.seen.length, unread.length * (how === 'another request follows' ? 2 : 1));
  });
}
