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
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody'],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nbody'],
  ['a length beside chunked', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a status that is no number', 'HTTP/1.1 2xx OK\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
  ['a switch of protocols that nobody asked for', 'HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n'],
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

for (const coding of ['gzip', 'gzip, chunked', 'xchunked', 'chunked, chunked', 'identity']) {
  test(`an answer in the transfer coding "${coding}" becomes 502, since its client would take it for plain`, async () => {
    const head = `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
    await using origin = await startOrigin((request) => void request.socket.end(`${head}4\r\nbody\r\n0\r\n\r\n`));
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
    const answer = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: exeat.open().authorization });
    assert.deepEqual([answer.status, answer.code], [502, 'upstream_coding_refused']);
    assert.match(answer.head, /proxy-status: exeat; error=http_response_transfer_coding; received-status=200/);
    const [event] = await exeat.events({ kind: 'call' });
    assert.deepEqual([event?.['status'], event?.['received_status']], [502, 200]);
  });
}

test('a 401 to a credential of ours becomes 502, and the event tells both', async () => {
  await using origin = await startOrigin((_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Bearer' });
    response.end();
  });
  const credential = { kind: 'static', header: 'x-token', value: { env: 'PATH' }, expires: '2999-01-01', reason: 'test' };
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin, { credential }) } });
  const answer = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: exeat.open().authorization });
  assert.deepEqual([answer.status, answer.code], [502, 'credential_rejected']);
  assert.match(answer.head, /received-status=401/);
  const [event] = await exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['status'], event?.['received_status'], event?.['code']], [502, 401, 'credential_rejected']);
});

const broken: readonly [what: string, bytes: string][] = [
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

const passed: readonly [what: string, bytes: string][] = [
  ['a reason phrase that is not ASCII', 'HTTP/1.1 200 Gr\u00fc\u00dfe\r\nContent-Length: 2\r\n\r\nok'],
  ['a control character in the reason phrase', 'HTTP/1.1 200 O\u0001K\r\nContent-Length: 2\r\n\r\nok'],
  ['no reason phrase', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok'],
  ['Trailer beside a length', 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok'],
  ['a 100 (Continue) before it that nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  [
    'a few other 1xx before it',
    `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(5)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
  ],
];

for (const [what, bytes] of passed) {
  test(`an answer with ${what} passes, in our own words where they are not the destination's to choose`, async () => {
    await using origin = await startOrigin((request) => void request.socket.end(bytes, 'latin1'));
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
    const { head, body } = await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: exeat.open().authorization });
    assert.match(head, /^http\/1\.1 200 ok\r\n/);
    assert.equal(body, 'ok');
    assert.deepEqual(
      (await exeat.events({ kind: 'call' })).map(({ status, code }) => [status, code]),
      [[200, undefined]],
    );
  });
}

test('1xx answers do not keep a call waiting for ever: their number has a limit, and so has their time', async () => {
  const hints = 'HTTP/1.1 103 Early Hints\r\n\r\n';
  await using flood = await startOrigin((request) => void request.socket.write(hints.repeat(1000)));
  await using drip = await startOrigin((request) => {
    const timer = setInterval(() => request.socket.write(hints), 100);
    request.socket.on('close', () => clearInterval(timer));
  });
  await using exeat = await startTestSidecar({
    destinations: { flood: loopback(flood), drip: loopback(drip, { timeouts: { headers: '500ms' } }) },
  });
  const options = { proxy: exeat.proxy, authorization: exeat.open().authorization };
  assert.equal((await call(`${flood.url}/`, options)).code, 'upstream_malformed');
  assert.equal((await call(`${drip.url}/`, options)).code, 'upstream_timeout');
});
