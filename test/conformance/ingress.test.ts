import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startOrigin, type Origin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

// What Node's parser and ours do with ambiguous input (RFC 9110, RFC 9112), on the Node version that runs this.

let origin: Origin;
let other: Origin;
let exeat: TestSidecar;
let auth: string;

before(async () => {
  origin = await startOrigin();
  other = await startOrigin();
  exeat = await startTestSidecar({
    destinations: {
      api: loopback(origin),
      routed: { route: '/api', url: `${other.url}/base`, allow_private: true, unsafe_cleartext: true },
    },
  });
  auth = exeat.open().authorization;
});
after(async () => {
  await exeat[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

const proxied = (lines: readonly string[], body = '') => `${lines.join('\r\n')}\r\nProxy-Authorization: ${auth}\r\n\r\n${body}`;
const get = (...more: string[]) => proxied([`GET ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`, ...more]);
const post = (...more: string[]) => [`POST ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`, ...more];

const refused: readonly [name: string, message: () => string, status: number][] = [
  ['two Host fields', () => get(`Host: ${origin.host}`), 400],
  ['no Host field', () => proxied([`GET ${origin.url}/x HTTP/1.1`]), 400],
  ['a Host that differs from the target', () => proxied([`GET ${origin.url}/x HTTP/1.1`, 'Host: other.example']), 400],
  ['user-info in the target', () => proxied([`GET http://a:b@${origin.host}/x HTTP/1.1`, `Host: ${origin.host}`]), 400],
  ['a fragment in the target', () => proxied([`GET ${origin.url}/x#f HTTP/1.1`, `Host: ${origin.host}`]), 400],
  [
    'Content-Length and Transfer-Encoding together',
    () => proxied(post('Content-Length: 4', 'Transfer-Encoding: chunked'), '0\r\n\r\n'),
    400,
  ],
  ['two Content-Length fields', () => proxied(post('Content-Length: 4', 'Content-Length: 5'), 'abcd'), 400],
  ['a Content-Length list', () => proxied(post('Content-Length: 4, 4'), 'abcd'), 400],
  ['a signed Content-Length', () => proxied(post('Content-Length: +4'), 'abcd'), 400],
  ['two Transfer-Encoding fields', () => proxied(post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), '0\r\n\r\n'), 400],
  ['Transfer-Encoding: chunked, identity', () => proxied(post('Transfer-Encoding: chunked, identity'), '0\r\n\r\n'), 400],
  ['Transfer-Encoding: xchunked', () => proxied(post('Transfer-Encoding: xchunked'), '0\r\n\r\n'), 501],
  ['Transfer-Encoding: gzip, chunked', () => proxied(post('Transfer-Encoding: gzip, chunked'), '0\r\n\r\n'), 501],
  [
    'Transfer-Encoding in HTTP/1.0',
    () => proxied([`POST ${origin.url}/x HTTP/1.0`, `Host: ${origin.host}`, 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    400,
  ],
  ['obs-fold', () => get('X-A: b\r\n c'), 400],
  ['space before the colon', () => get('X-A : b'), 400],
  ['a NUL in a field', () => get('X-A: b\0c'), 400],
  ['a bare CR in a field', () => get('X-A: b\rc'), 400],
  ['a lower-case method', () => proxied([`get ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`]), 400],
  ['HTTP/1.2', () => proxied([`GET ${origin.url}/x HTTP/1.2`, `Host: ${origin.host}`]), 400],
  ['HTTP/2.0', () => proxied([`GET ${origin.url}/x HTTP/2.0`, `Host: ${origin.host}`]), 400],
  ['HTTP/0.9', () => proxied([`GET ${origin.url}/x HTTP/0.9`, `Host: ${origin.host}`]), 400],
  ['doubled Authorization', () => get('Authorization: a', 'Authorization: b'), 400],
  ['doubled Proxy-Authorization', () => get(`Proxy-Authorization: ${auth}`), 400],
  ['doubled Content-Type', () => get('Content-Type: a/b', 'Content-Type: c/d'), 400],
  ['a method override', () => get('X-HTTP-Method-Override: DELETE'), 400],
  ['a rewritten URL', () => get('X-Original-URL: /admin'), 400],
  ['Connection that names authorization', () => get('Connection: keep-alive, Authorization'), 400],
  ['Connection that names host', () => get('Connection: host'), 400],
  ['Connection that names traceparent', () => get('Connection: traceparent'), 400],
  ['Connection that names mcp-session-id', () => get('Connection: Mcp-Session-Id'), 400],
  ['Exeat-Task on the forward door', () => get('Exeat-Task: a.b'), 400],
  ['Expect other than 100-continue', () => get('Expect: magic'), 417],
  ['TRACE', () => proxied([`TRACE ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`]), 405],
  ['OPTIONS *', () => proxied(['OPTIONS * HTTP/1.1', `Host: ${origin.host}`]), 400],
  ['another scheme', () => proxied([`GET ftp://${origin.host}/x HTTP/1.1`, `Host: ${origin.host}`]), 400],
  ['a dot segment', () => proxied([`GET ${origin.url}/a/../x HTTP/1.1`, `Host: ${origin.host}`]), 400],
  ['an encoded slash', () => proxied([`GET ${origin.url}/a%2fx HTTP/1.1`, `Host: ${origin.host}`]), 400],
  ['a credential in the query', () => proxied([`GET ${origin.url}/x?access_token=abc HTTP/1.1`, `Host: ${origin.host}`]), 400],
  ['a header section over 16 KiB', () => get(`X-Big: ${'a'.repeat(17_000)}`), 431],
  ['an unknown host', () => proxied(['GET http://other.example/x HTTP/1.1', 'Host: other.example']), 403],
  ['another port of a known host', () => proxied(['GET http://127.0.0.1:1/x HTTP/1.1', 'Host: 127.0.0.1:1']), 403],
  ['an unknown route', () => proxied(['GET /nothing/x HTTP/1.1', `Host: ${exeat.proxy}`, `Exeat-Task: ${exeat.open().credential}`]), 404],
];

for (const [name, message, status] of refused) {
  test(`${name} is refused with ${status} and nothing is sent on`, async () => {
    await using wire = await openWire(exeat.proxy);
    const before = origin.seen.length;
    wire.send(message());
    const answer = await wire.until(/\r\n\r\n[^]*\}/);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(answer, /\r\nproxy-status: exeat; error=/i);
    assert.match(answer, /application\/problem\+json/);
    assert.equal(origin.seen.length, before);
  });
}

test('a bare LF ends nothing: the message is refused', async () => {
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET ${origin.url}/x HTTP/1.1\nHost: ${origin.host}\nProxy-Authorization: ${auth}\n\n`);
  assert.match(await wire.until(/\}/), /^HTTP\/1\.1 400 /);
});

test('a GET may have a body, and it arrives', async () => {
  await using wire = await openWire(exeat.proxy);
  wire.send(proxied([`GET ${origin.url}/with-body HTTP/1.1`, `Host: ${origin.host}`, 'Content-Length: 5'], 'hello'));
  await wire.until(/ok":true/);
  const seen = origin.seen.at(-1);
  assert.equal(seen?.url, '/with-body');
  assert.equal(await seen?.body, 'hello');
});

test('an h2c upgrade offer is ignored and never forwarded', async () => {
  await using wire = await openWire(exeat.proxy);
  wire.send(get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'));
  assert.match(await wire.until(/ok":true/), /^HTTP\/1\.1 200 /);
  const headers = origin.seen.at(-1)?.headers;
  assert.equal(headers?.upgrade, undefined);
  assert.equal(headers?.['http2-settings'], undefined);
});

test('pipelined requests are each decided and answered in order', async () => {
  await using wire = await openWire(exeat.proxy);
  const one = (path: string) => proxied([`GET ${origin.url}${path} HTTP/1.1`, `Host: ${origin.host}`]);
  const unknown = proxied(['GET http://other.example/2 HTTP/1.1', 'Host: other.example']);
  wire.send(one('/1') + unknown + one('/3'));
  const transcript = await wire.until(/HTTP\/1\.1 200[^]*HTTP\/1\.1 403[^]*HTTP\/1\.1 200[^]*ok":true/);
  assert.deepEqual(
    [...transcript.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['200', '403', '200'],
  );
});

test('bytes that are not HTTP behind a good request get no answer of their own', async () => {
  await using wire = await openWire(exeat.proxy);
  wire.send(`${get()}\u0016\u0003\u0001 nonsense\r\n\r\n`);
  const transcript = await wire.closed();
  assert.ok([...transcript.matchAll(/HTTP\/1\.1 200/g)].length <= 1);
});

test('the refusals of callers without a task are summed into events that count them', async () => {
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET ${origin.url}/x HTTP/1.1\r\nHost: ${origin.host}\r\n\r\n`);
  assert.match(await wire.until(/\}/), /^HTTP\/1\.1 407 [^]*proxy-authenticate: Basic realm="exeat"/i);
  const [event] = await exeat.events({ kind: 'call.refused' });
  assert.ok(Number(event?.['count']) > 0);
});
