import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerIn } from '../../src/egress/connect-tunnel.ts';

const answers: readonly [text: string, read: string][] = [
  ['HTTP/1.1 200 Connection established\r\n\r\n', 'open'],
  ['HTTP/1.1 200\r\n\r\n', 'open'],
  ['HTTP/1.0 204 \r\nVia: 1.1 corp\r\nX-Empty:\r\n\r\n', 'open'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'open'],
  ['HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n', 'upstream_proxy_authentication_failed 407'],
  ['HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n', 'upstream_proxy_refused 302'],
  ['HTTP/1.1 599 \r\n\r\n', 'upstream_proxy_refused 599'],
  ['HTTP/1.1 199 \r\n\r\n', 'upstream_proxy_malformed'],
  ['HTTP/1.1 600 \r\n\r\n', 'upstream_proxy_malformed'],
  ['HTTP/1.1 0200 OK\r\n\r\n', 'upstream_proxy_malformed'],
  ['HTTP/1.1  200 OK\r\n\r\n', 'upstream_proxy_malformed'],
  ['HTTP/1.2 200 OK\r\n\r\n', 'upstream_proxy_malformed'],
  ['HTTP/1.1 200 OK\r\nA b\r\n\r\n', 'upstream_proxy_malformed'],
  ['HTTP/1.1 200 OK\r\nA: b\n\r\n', 'upstream_proxy_malformed'],
  ['HTTP 200 OK\r\n\r\n', 'upstream_proxy_malformed'],
  ['\r\nHTTP/1.1 200 OK\r\n\r\n', 'upstream_proxy_malformed'],
];

function read(received: string): string {
  const answer = answerIn(received);
  if (typeof answer === 'boolean') return answer ? 'open' : 'more';
  const { refused, receivedStatus } = answer.refusal;
  return receivedStatus === undefined ? refused : `${refused} ${receivedStatus}`;
}

test('an answer to CONNECT is read the same, at once or byte by byte', () => {
  for (const [text, expected] of answers) {
    assert.equal(read(text), expected, JSON.stringify(text));
    let length = 0;
    while (read(text.slice(0, length)) === 'more') length += 1;
    assert.equal(read(text.slice(0, length)), expected, JSON.stringify(text.slice(0, length)));
  }
});

test('behind a refusal there may be a page, behind an open tunnel nothing', () => {
  assert.equal(read('HTTP/1.1 403 No\r\n\r\n<html>\n'), 'upstream_proxy_refused 403');
  assert.equal(read('HTTP/1.1 200 OK\r\n\r\n\x16\x03'), 'upstream_proxy_malformed');
});

test('an answer that does not end is given up at 16 KiB', () => {
  const head = 'HTTP/1.1 200 OK\r\nA: ';
  assert.equal(read(head + 'b'.repeat(16 * 1024 - head.length)), 'more');
  assert.equal(read(head + 'b'.repeat(16 * 1024 - head.length + 1)), 'upstream_proxy_malformed');
  assert.equal(read(`${head}${'b'.repeat(16 * 1024)}\r\n\r\n`), 'upstream_proxy_malformed');
});
