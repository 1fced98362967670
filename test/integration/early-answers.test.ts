import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { loopback, permitAll, startTestSidecar } from '../support/sidecar.ts';

// Many clients (Python's http.client among them) send all of a body before they read the answer: a connection closed on them meanwhile is an error to them, not an answer.

const body = Buffer.alloc(8 * 1024 * 1024, 'x');
const denied = `${permitAll} @id("no posts") forbid (principal, action == Action::"POST", resource);`;

/** Sends all of the body, then reads: what came back, once the sidecar closed or the answer is whole. */
async function upload(proxy: string, head: readonly string[]): Promise<string> {
  const [host = '', port] = proxy.split(':');
  const socket = connect(Number(port), host);
  socket.setEncoding('latin1').pause();
  await once(socket, 'connect');
  const failed = once(socket, 'error').then(([error]: Error[]) => Promise.reject(error ?? new Error('failed')));
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const sent = new Promise<void>((resolve) => {
    socket.write(body, () => resolve());
  });
  await Promise.race([sent, failed]);
  let text = '';
  socket.on('data', (chunk: string) => {
    text += chunk;
    const [, length, rest] = /content-length: (\d+)[^]*?\r\n\r\n([^]*)/i.exec(text) ?? [];
    if (rest !== undefined && rest.length === Number(length)) socket.end();
  });
  socket.resume();
  await Promise.race([once(socket, 'close'), failed]);
  return text;
}

for (const connection of ['keep-alive', 'close']) {
  const fields = [`Connection: ${connection}`, `Content-Length: ${body.length}`];

  test(`an upload that policy denies is told why, after all of it was sent (Connection: ${connection})`, async () => {
    await using origin = await startOrigin();
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, policy: denied });
    const head = [`POST ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`, `Proxy-Authorization: ${exeat.open().authorization}`];
    const answer = await upload(exeat.proxy, [...head, ...fields]);
    assert.match(answer, /^HTTP\/1\.1 403 [^]*"code":"policy_denied"/);
    assert.equal(origin.seen.length, 0);
  });

  test(`an upload that cannot be read one way only is told so (Connection: ${connection})`, async () => {
    await using origin = await startOrigin();
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
    const answer = await upload(exeat.proxy, [`POST ${origin.url}/x HTTP/1.1`, 'Host: other.example', ...fields]);
    assert.match(answer, /^HTTP\/1\.1 400 [^]*"code":"malformed_request"/);
  });

  test(`an upload that the destination answers before it was all sent gets that answer (Connection: ${connection})`, async () => {
    await using origin = await startOrigin((_request, response) => {
      response.writeHead(413, { 'content-length': 3 });
      response.end('big');
    });
    await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
    const head = [`POST ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`, `Proxy-Authorization: ${exeat.open().authorization}`];
    const answer = await upload(exeat.proxy, [...head, ...fields]);
    assert.match(answer, /^HTTP\/1\.1 413 [^]*\r\n\r\nbig$/);
    const [event] = await exeat.events({ kind: 'call' });
    assert.equal(event?.['status'], 413);
  });
}

// Some clients (axios among them) leave an upload as it is when its answer comes early, and their connection open: nobody would ever close it.
test('a client that falls silent in an upload that was answered is disconnected, one that goes on may keep its connection', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) }, policy: denied });
  const [host = '', port] = exeat.proxy.split(':');
  const head = (method: string, length: number): string =>
    `${method} ${origin.url}/x HTTP/1.1\r\nHost: ${origin.host}\r\nProxy-Authorization: ${exeat.open().authorization}\r\nContent-Length: ${length}\r\n\r\n`;
  const socket = connect(Number(port), host).setEncoding('latin1');
  await using stack = new AsyncDisposableStack();
  stack.defer(() => void socket.destroy());
  const closed = once(socket, 'close');
  socket.write(`${head('POST', 10)}12345`);
  await until(socket, /policy_denied/);
  socket.write('67890');
  socket.write(head('GET', 0));
  await until(socket, /HTTP\/1\.1 200 /);
  socket.write(`${head('POST', 10)}12345`);
  await until(socket, /policy_denied/);
  await closed;
});

async function until(socket: Socket, pattern: RegExp): Promise<void> {
  let text = '';
  while (!pattern.test(text)) text += ((await once(socket, 'data')) as string[]).join('');
}
