import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { pseudoHeaders } from '../../src/ingress/http2-request.ts';
import { openHttp2 } from '../support/http2.ts';
import { frame, frameTypes, headers, openFrames } from '../support/http2-frames.ts';
import { startTunnelWorld } from '../support/tunnel.ts';

/** What a stream may not begin with, and how it is answered. Of one that Node's library refuses nothing reaches us: it is reset. */
const refused: readonly [what: string, headers: Record<string, string | string[]>, answer: string | number][] = [
  [':authority of another host', { ':authority': 'other.example' }, '421 misdirected'],
  [':authority with another port', { ':authority': 'api.example:8443' }, '421 misdirected'],
  ['no :authority and a host of another', { ':authority': '', host: 'other.example' }, 1],
  ['a host that differs from :authority', { ':authority': 'api.example', host: 'other.example' }, '400 malformed_request'],
  [':scheme http', { ':scheme': 'http' }, '400 malformed_request'],
  ['TRACE', { ':method': 'TRACE' }, '405 method_refused'],
  ['a dot segment', { ':path': '/a/../b' }, '400 ambiguous_path'],
  ['an empty segment', { ':path': '/a//b' }, '400 ambiguous_path'],
  ['a fragment', { ':path': '/a#b' }, '400 ambiguous_path'],
  ['a path that does not begin with a slash', { ':path': 'x' }, 1],
  ['the asterisk form', { ':method': 'OPTIONS', ':path': '*' }, '400 malformed_request'],
  ['a URL as path', { ':path': 'https://api.example/x' }, 1],
  ['Proxy-Authorization', { 'proxy-authorization': 'Basic eDp5' }, '400 malformed_request'],
  ['Exeat-Task', { 'exeat-task': 'a.b' }, '400 malformed_request'],
  ['a method override', { 'x-http-method-override': 'DELETE' }, '400 malformed_request'],
  ['an underscore twin', { content_length: '3' }, '400 malformed_request'],
  ['an expectation that is not 100-continue', { expect: 'more' }, '417 expectation_failed'],
  ['a credential in the query', { ':path': '/x?api_key=1' }, '400 credential_in_query'],
];

test('what HTTP/2 can say in two ways, or must not say at all, is refused on its stream and never dialled', async (t) => {
  await using world = await startTunnelWorld();
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  for (const [what, headers, expected] of refused) {
    await t.test(what, async () => {
      const { status, code, reset } = await client.call(headers);
      assert.equal(typeof expected === 'number' ? reset : `${status} ${code}`, expected);
    });
  }
  assert.equal((await client.call({ cookie: ['a=1', 'b=2'] })).status, 200);
  assert.equal(world.origin.seen.length, 1);
});

test('a CONNECT inside of a tunnel opens nothing, with or without :protocol', async () => {
  await using world = await startTunnelWorld();
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  assert.equal(client.session.remoteSettings.enableConnectProtocol, false);
  const stream = client.session.request({ ':method': 'CONNECT', ':authority': 'api.example:443' });
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  assert.equal(headers[':status'], 405);
  assert.equal(world.origin.connections(), 0);
});

const readable = [':method', 'GET', ':scheme', 'https', ':authority', 'api.example', ':path', '/x'];

/** What Node's library lets nobody send or receive: it is refused a second time all the same. */
const blocks: readonly [what: string, raw: readonly string[]][] = [
  ['a doubled pseudo-header', [...readable, ':path', '/y']],
  ['a pseudo-header that is unknown', [...readable, ':protocol', 'websocket']],
  ['a pseudo-header behind a field', [...readable.slice(2), 'accept', '*/*', ':method', 'GET']],
  ['upper case', [...readable, 'Accept', '*/*']],
  ['Connection', [...readable, 'connection', 'keep-alive']],
  ['Transfer-Encoding', [...readable, 'transfer-encoding', 'chunked']],
  ['Upgrade', [...readable, 'upgrade', 'h2c']],
  ['TE with a coding', [...readable, 'te', 'gzip']],
  ['host twice', [...readable, 'host', 'api.example', 'host', 'api.example']],
];

test('a header block that is no request of HTTP/2 is told from one that is', () => {
  for (const [what, raw] of blocks) assert.notEqual(pseudoHeaders(raw).problem, undefined, what);
  const head = pseudoHeaders([...readable, 'te', 'trailers', 'cookie', 'a=1', 'accept', '*/*', 'cookie', 'b=2']);
  assert.equal(head.problem, undefined);
  assert.deepEqual(head.rawHeaders, ['host', 'api.example', 'te', 'trailers', 'accept', '*/*', 'cookie', 'a=1; b=2']);
});

test('a connection that resets its streams as fast as it opens them is cut, and others go on', async () => {
  await using world = await startTunnelWorld();
  await using flooding = await openHttp2(world.exeat, { authorization: world.authorization() });
  const cut = new Promise<void>((resolve) => flooding.session.once('close', resolve));
  for (let i = 0; i < 5000 && !flooding.session.closed && !flooding.session.destroyed; i += 1) {
    flooding.open({ ':path': '/a//b' }).close(8);
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await cut;
  await using other = await openHttp2(world.exeat, { authorization: world.authorization() });
  assert.equal((await other.call({ ':path': '/a//b' })).status, 400);
});

test('a header block that is too large is refused on its stream, and the connection goes on', async () => {
  await using world = await startTunnelWorld();
  await using client = await openHttp2(world.exeat, { authorization: world.authorization() });
  assert.equal((await client.call({ 'x-large': 'x'.repeat(20 * 1024) })).status, 431);
  assert.equal((await client.call()).status, 200);
});

test('answers that wait for clients who take none are given up, the oldest first, when there are thousands of them', async () => {
  await using world = await startTunnelWorld();
  await using stack = new AsyncDisposableStack();
  const fields = [':method', 'GET', ':scheme', 'https', ':authority', 'api.example', ':path', '/a//b'];
  const noWindow = frame(frameTypes.settings, { stream: 0, payload: Buffer.from([0, 4, 0, 0, 0, 0]) });
  const streams = Array.from({ length: 900 }, (_, i) => headers(2 * i + 1, fields));
  const first = stack.use(await openFrames(world.exeat, { authorization: world.authorization() }));
  first.send(noWindow, ...streams);
  for (let i = 0; i < 4; i += 1)
    stack.use(await openFrames(world.exeat, { authorization: world.authorization() })).send(noWindow, ...streams);
  assert.equal(await first.ended(1), 'reset');
  await using other = await openHttp2(world.exeat, { authorization: world.authorization() });
  assert.equal((await other.call({ ':path': '/a//b' })).status, 400);
});
