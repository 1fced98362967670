import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { send } from '../support/control.ts';
import { etagOf, startEcho } from '../support/echo.ts';
import type { Answer } from '../support/origin.ts';
import { startSocketWorld, switched } from '../support/websockets.ts';
import { openWire } from '../support/wire.ts';

const page = (secret: string) => `{"you":"Bearer ${secret}"}`;
const echoing =
  (head: (body: string) => Record<string, string> = () => ({})): ((secret: string) => Answer) =>
  (secret) =>
  (_request, response) => {
    const body = page(secret);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(body.length), ...head(body) });
    response.end(body);
  };

test('an echoed credential is masked, an audit event says which call met it, and a metric counts it', async () => {
  await using world = await startEcho(echoing());
  const { status, head, body } = await world.ask('/whoami');
  assert.deepEqual([status, body], [200, page('*'.repeat(world.secret.length))]);
  assert.match(head, new RegExp(`content-length: ${body.length}\r?\n`));
  const [event] = await world.exeat.events({ kind: 'credential.reflected' });
  const [done] = await world.exeat.events({ kind: 'call' });
  for (const name of ['call', 'task', 'lease', 'destination']) assert.equal(event?.[name], done?.[name], name);
  assert.deepEqual([event?.['form'], event?.['place'], event?.['provider']], ['exact', 'body', 'static']);
  const metrics = await send(world.exeat.sidecar.health, { path: '/metrics' });
  assert.match(String(metrics.body['text']), /exeat_credentials_total\{event="reflected"\} 1\n/);
});

test('one call has one event, however often it is echoed', async () => {
  await using world = await startEcho((secret) => (_request, response) => {
    response.setHeader('x-you', secret);
    response.end(`${secret} ${secret} ${btoa(secret)}`);
  });
  await world.ask('/');
  await world.ask('/');
  const events = await world.exeat.events({ kind: 'credential.reflected' }, 2);
  assert.deepEqual(
    events.map(({ place }) => place),
    ['header', 'header'],
  );
});

test('events of a stream come one by one, the echo in them masked', async () => {
  const streams: ServerResponse[] = [];
  await using world = await startEcho(() => (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    streams.push(response);
  });
  await using wire = await openWire(world.exeat.proxy);
  wire.send(`GET ${world.origin.url}/events HTTP/1.1\r\nHost: ${world.origin.host}\r\nProxy-Authorization: ${world.authorization}\r\n\r\n`);
  await wire.until(/200 OK[^]*\r\n\r\n/);
  for (const event of ['data: one\n\n', `data: ${world.secret}\n\n`, 'data: three\n\n']) {
    streams[0]?.write(event);
    await wire.until(new RegExp(event.replace(world.secret, String.raw`\*{35}`)));
  }
  streams[0]?.write(`data: ${world.secret.slice(0, 20)}`);
  streams[0]?.write(`${world.secret.slice(20)}\n\n`);
  await wire.until(/\*{35}\n\n[^]*\*{35}\n\n/);
  assert.ok(!wire.received().includes(world.secret.slice(0, 20)));
});

test('the destination is asked for codings that can be read, and what comes in one goes on decoded', async () => {
  await using world = await startEcho((secret) => (_request, response) => {
    const body = gzipSync(page(secret));
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': String(body.length), etag: '"1"' });
    response.end(body);
  });
  const { head, body } = await world.ask('/', ['Accept-Encoding: zstd, compress, gzip;q=0.5, *;q=0.1']);
  assert.equal(world.origin.seen[0]?.headers['accept-encoding'], 'zstd, gzip;q=0.5');
  assert.equal(body, page('*'.repeat(world.secret.length)));
  assert.doesNotMatch(head, /content-encoding|etag/);
  assert.match(head, new RegExp(`content-length: ${body.length}`));
});

test('an answer in a coding that cannot be read is refused, and nothing of it is passed', async () => {
  await using world = await startEcho((secret) => (request, response) => {
    const coding = request.url === '/broken' ? 'gzip' : 'compress';
    response.writeHead(200, { 'content-encoding': coding, 'x-you': secret });
    response.end(`not really ${secret}`);
  });
  for (const path of ['/unknown', '/broken']) {
    const { status, head, code, body } = await world.ask(path);
    assert.deepEqual([status, code], [502, 'coding_unreadable']);
    assert.match(head, /proxy-status: exeat; error=http_response_content_coding; received-status=200/);
    assert.ok(!(head + body).includes('x-you') && !body.includes(world.secret));
  }
  const events = await world.exeat.events({ kind: 'call' }, 2);
  assert.deepEqual(
    events.map(({ code }) => code),
    ['coding_unreadable', 'coding_unreadable'],
  );
});

test('a coded body that breaks after it has begun breaks the answer off, and its call has ended', async () => {
  await using world = await startEcho(() => (_request, response) => {
    const body = gzipSync('x'.repeat(500_000));
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.write(body.subarray(0, 300));
    setTimeout(() => response.end(Buffer.alloc(100, 0xff)), 50);
  });
  const { status, body } = await world.ask('/');
  assert.equal(status, 200);
  assert.doesNotMatch(body, /\r\n0\r\n\r\n$/);
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['code'], event?.['status']], ['coding_unreadable', 200]);
});

test('a client that goes away while much is still to be decoded ends the call', async () => {
  await using world = await startEcho(() => (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(gzipSync(Buffer.alloc(200_000_000), { level: 1 }));
  });
  await using wire = await openWire(world.exeat.proxy);
  wire.send(`GET ${world.origin.url}/ HTTP/1.1\r\nHost: ${world.origin.host}\r\nProxy-Authorization: ${world.authorization}\r\n\r\n`);
  await wire.until(/200 OK/);
  wire.socket.pause();
  assert.equal(world.exeat.allEvents().filter(({ kind }) => kind === 'call').length, 0);
  wire.socket.destroy();
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'client_gone');
});

test('the end of the task cuts an answer that is still being decoded', async () => {
  await using world = await startEcho(() => (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(gzipSync(Buffer.alloc(200_000_000), { level: 1 }));
  });
  const { id, authorization } = world.exeat.open();
  await using wire = await openWire(world.exeat.proxy);
  wire.send(`GET ${world.origin.url}/ HTTP/1.1\r\nHost: ${world.origin.host}\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
  await wire.until(/200 OK/);
  wire.socket.pause();
  await world.exeat.sidecar.tasks.revoke(id, 'operator');
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'task_revoked');
  wire.socket.resume();
  assert.ok(!(await wire.closed()).endsWith('\r\n0\r\n\r\n'));
});

test('HEAD is answered as GET would be, with what it echoes in fields masked', async () => {
  await using world = await startEcho(echoing((body) => ({ etag: etagOf(body), 'x-you': body })));
  const { status, head, body } = await world.ask('/', [], 'HEAD');
  assert.deepEqual([status, body], [200, '']);
  assert.match(head, new RegExp(`content-length: ${page(world.secret).length}`));
  assert.match(head, /x-you: \{"you":"bearer \*{35}"\}/);
  assert.doesNotMatch(head, /etag/);
});

test('where nothing is echoed the validators stay, and so does what 304 is answered to', async () => {
  await using world = await startEcho(() => (request, response) => {
    response.writeHead(request.headers['if-none-match'] === '"1"' ? 304 : 200, { etag: '"1"', 'accept-ranges': 'bytes' });
    response.end();
  });
  assert.match((await world.ask('/')).head, /etag: "1"\r\naccept-ranges: bytes/);
  assert.equal((await world.ask('/', ['If-None-Match: "1"'])).status, 304);
});

/** Answers ranges of a log in which the credential stands. */
const log: (secret: string) => Answer = (secret) => (request, response) => {
  const body = `${'line of a log\n'.repeat(20)}Authorization: Bearer ${secret}\n${'another line\n'.repeat(20)}`;
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (first === '' && last === '') {
    response.writeHead(200, { 'accept-ranges': 'bytes', etag: etagOf(body), 'content-length': String(body.length) });
    return void response.end(body);
  }
  const from = first === '' ? body.length - Number(last) : Number(first);
  const to = first === '' || last === '' ? body.length : Math.min(body.length, Number(last) + 1);
  const part = body.slice(from, to);
  response.writeHead(206, { 'content-range': `bytes ${from}-${to - 1}/${body.length}`, 'content-length': String(part.length) });
  return void response.end(part);
};
const at = 280 + 'Authorization: Bearer '.length;

test('ranges work where no credential is in the way', async () => {
  await using world = await startEcho(log);
  const plain = await world.ask('/log', ['Range: bytes=0-99', 'Accept-Encoding: gzip']);
  assert.deepEqual([plain.status, plain.body.length], [206, 100]);
  assert.equal(world.origin.seen[0]?.headers['accept-encoding'], 'identity');
  const ends = await world.ask('/log', ['Range: bytes=-33']);
  assert.deepEqual([ends.status, ends.body], [206, 'r line\nanother line\nanother line\n']);
});

test('a credential that ranges would cut in two is masked on both sides, and from then on the whole is asked for', async () => {
  for (const cut of [at + 5, at + 17, at + 30]) {
    await using world = await startEcho(log);
    const { status, body } = await world.ask('/log', [`Range: bytes=0-${cut - 1}`]);
    assert.deepEqual([status, body.slice(at)], [206, '*'.repeat(cut - at)]);
    await world.exeat.events({ kind: 'credential.reflected' });
    const rest = await world.ask('/log', [`Range: bytes=${cut}-`, 'If-Range: "1"']);
    assert.deepEqual([rest.status, rest.body.slice(at, at + 36)], [200, `${'*'.repeat(35)}\n`]);
    assert.doesNotMatch(rest.head, /accept-ranges|etag/);
    assert.deepEqual([world.origin.seen[1]?.headers.range, world.origin.seen[1]?.headers['if-range']], [undefined, undefined]);
  }
  await using world = await startEcho(log);
  const { body } = await world.ask('/log', [`Range: bytes=${at + 10}-`]);
  assert.equal(body.slice(0, 26), `${'*'.repeat(25)}\n`);
});

test('no credential is guessed character by character: where a part was masked, no path of that destination comes in parts, even unasked', async () => {
  // Whoever can place text at a destination would see by the mask that its last characters are right.
  await using world = await startEcho((secret) => (request, response) => {
    const known = Number(request.url?.slice(1));
    const text = `${'a text of the agent '.repeat(3)}${secret.slice(0, known)}`;
    const isPart = request.headers.range !== undefined || 'x-part' in request.headers;
    const body = isPart ? text : `${text}!`;
    if (isPart)
      response.writeHead(206, { 'content-range': `bytes 0-${text.length - 1}/${text.length + 1}`, 'content-length': text.length });
    else response.setHeader('content-length', body.length);
    response.end(body);
  });
  const range = 'Range: bytes=0-199';
  const first = await world.ask('/6', [range]);
  assert.deepEqual([first.status, first.body.slice(-6)], [206, '******']);
  const second = await world.ask('/7', [range]);
  assert.deepEqual([second.status, second.body.slice(-8)], [200, `${world.secret.slice(0, 7)}!`]);
  assert.deepEqual((await world.ask('/8', [range, 'X-Part: 1'])).code, 'coding_unreadable');
});

test('several ranges, and single bytes from the middle, are answered with the whole', async () => {
  await using world = await startEcho(log);
  for (const range of ['bytes=0-9,20-29', `bytes=${at}-${at + 2}`, 'bytes=-3', 'lines=1-2']) {
    const { status, body } = await world.ask(`/log?${encodeURIComponent(range)}`, [`Range: ${range}`]);
    assert.deepEqual([status, body.slice(at, at + 35)], [200, '*'.repeat(35)], range);
  }
  assert.ok(world.origin.seen.every(({ headers }) => headers.range === undefined));
});

test('what a WebSocket handshake echoes in its fields is masked', async () => {
  await using world = await startSocketWorld({
    destination: { credential: { kind: 'static', header: 'x-token', value: { env: 'PATH' }, expires: '2999-01-01', reason: 'test' } },
    answer: (request, socket) => socket.write(switched.replace('\r\n\r\n', `\r\nX-You: ${String(request.headers['x-token'])}\r\n\r\n`)),
  });
  await using wire = await openWire(world.exeat.proxy);
  wire.send(world.handshake());
  const path = process.env['PATH'] ?? '';
  assert.match(await wire.until(/\r\n\r\n/), new RegExp(`^HTTP/1.1 101 [^]*x-you: \\*{${path.length}}\r\n`, 'i'));
  assert.ok(!wire.received().includes(path));
});

test('with unsafe_reflection answers pass unread, and without a credential they always do', async () => {
  const coded = gzipSync('x');
  const answer: (secret: string) => Answer = (secret) => (request, response) => {
    if (request.url === '/') return void response.end(page(secret));
    response.writeHead(200, { 'content-encoding': 'gzip', 'x-asked': String(request.headers['accept-encoding']) });
    return void response.end(coded);
  };
  for (const more of [{ unsafe_reflection: true }, { credential: undefined }]) {
    await using world = await startEcho(answer, more);
    assert.ok((await world.ask('/')).body.includes(page(world.secret)));
    const { head } = await world.ask('/coded', ['Accept-Encoding: compress, gzip']);
    assert.match(head, /content-encoding: gzip\r\nx-asked: compress, gzip/);
    assert.deepEqual(
      world.exeat.allEvents().filter(({ kind }) => kind === 'credential.reflected'),
      [],
    );
  }
});
