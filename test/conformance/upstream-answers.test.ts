import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';

// What becomes of answers that a destination should not send (RFC 9112), on the HTTP client that runs this.

const malformed: readonly [what: string, head: string][] = [
  ['a space in a field name', 'HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nX : 1\r\n\r\n'],
  ['a field without a colon', 'HTTP/1.1 200 OK\r\nBad\r\n\r\n'],
  ['a field without a name', 'HTTP/1.1 200 OK\r\n: 1\r\n\r\n'],
  ['a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n'],
  ['a control character', 'HTTP/1.1 200 OK\r\nX: a\u0001b\r\n\r\n'],
  ['a bare CR', 'HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nbody'],
  ['another coding than chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nbody'],
  ['a coding that only looks like chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nbody'],
  ['a status that is no number', 'HTTP/1.1 2xx OK\r\n\r\n'],
  ['another protocol', 'SSH-2.0-nonsense\r\n\r\n'],
];

for (const [what, head] of malformed) {
  test(`an answer with ${what} becomes 502 upstream_malformed, and nothing of it is passed`, async () => {
    await using origin = await startOrigin((request) => void request.socket.end(head));
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
    const answer = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: exeat.open().authorization });
    assert.deepEqual([answer.status, answer.code], [502, 'upstream_malformed']);
    assert.match(answer.head, /proxy-status: exeat; error=http_protocol_error/);
    assert.doesNotMatch(answer.head + answer.body, /\nx|ssh|body$/i);
  });
}

// The client has begun to count when it meets these, and takes them for bodies of the wrong length.
const broken: readonly [what: string, bytes: string][] = [
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody'],
  ['a length beside chunked', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['nothing at all', ''],
  ['half a status line', 'HTTP/1.1 20'],
  ['half a header section', 'HTTP/1.1 200 OK\r\nX: 1\r\n'],
];

for (const [what, bytes] of broken) {
  test(`an answer with ${what} becomes 502 upstream_broken`, async () => {
    await using origin = await startOrigin((request) => void request.socket.end(bytes));
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
    const { status, code } = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: exeat.open().authorization });
    assert.deepEqual([status, code], [502, 'upstream_broken']);
  });
}
