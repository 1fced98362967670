import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { basic } from '../support/connect-proxy.ts';
import { password, proxyName, secret, startCorporate, type Corporate } from '../support/corporate.ts';

const outside = 'text-from-outside-4713';

interface Failure {
  readonly status: number;
  readonly code: string;
  /** In Proxy-Status. */
  readonly error: string;
  /** What the proxy had answered. */
  readonly received?: number;
}

/** Makes a call that must fail like this, and looks at all that the agent and the audit are told of it. */
async function fails(world: Corporate, { status, code, error, received }: Failure, what = code): Promise<void> {
  const before = world.exeat.allEvents().filter(({ kind }) => kind === 'call').length;
  const answer = await world.get();
  assert.deepEqual([answer.status, answer.code], [status, code], what);
  const told = /proxy-status: exeat; error=(\w+)(?:; received-status=(\d+))?; details="\w+"\r/.exec(answer.head);
  assert.deepEqual([told?.[1], told?.[2]], [error, received === undefined ? undefined : String(received)], what);
  assert.doesNotMatch(answer.head, /^(?:proxy|www)-authenticate/m, what);
  const event = (await world.exeat.events({ kind: 'call' }, before + 1)).at(-1);
  assert.deepEqual([event?.['code'], event?.['status'], event?.['received_status']], [code, status, received], what);
  assert.equal(event?.['address'], 'unchecked', what);
  const value = basic('exeat', password);
  for (const text of [outside, password, value.slice(6), secret]) assert.ok(!JSON.stringify([answer, event]).includes(text), what);
}

const refused = { status: 502, code: 'upstream_proxy_refused', error: 'destination_unavailable' };
const malformed = { status: 502, code: 'upstream_proxy_malformed', error: 'http_protocol_error' };

test('what a proxy refuses has a code of its own and the status that it gave; never is it told as 407 or 401, nor in its words', async () => {
  await using world = await startCorporate({ protected: true });
  const answers: readonly [number, string][] = [
    [401, 'WWW-Authenticate: Basic realm="x"'],
    [403, `X-Reason: ${outside}`],
    [302, `Location: https://${outside}/`],
    [503, 'Retry-After: 1'],
    [504, 'Content-Length: 3'],
  ];
  for (const [status, field] of answers) {
    world.proxy.misbehave((socket) => socket.end(`HTTP/1.1 ${status} ${outside}\r\n${field}\r\n\r\n${outside}`));
    await fails(world, { ...refused, received: status }, String(status));
  }
  assert.equal(world.origin.connections(), 0);
});

test('credentials that the proxy does not take are told as such, and are not tried again in the same call', async () => {
  await using world = await startCorporate({ protected: true });
  world.exeat.rewrite({
    upstream_proxy: { ...world.upstream, credentials: { username: 'other', password: { file: join(world.folder, 'password') } } },
  });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  await fails(world, { status: 502, code: 'upstream_proxy_authentication_failed', error: 'proxy_configuration_error', received: 407 });
  assert.equal(world.proxy.seen.length, 1);
});

test('a password that cannot be read is told like one that is wrong, and the proxy is not dialled', async () => {
  await using world = await startCorporate({ protected: true });
  rmSync(join(world.folder, 'password'));
  await fails(world, { status: 502, code: 'upstream_proxy_authentication_failed', error: 'proxy_configuration_error' });
  assert.equal(world.proxy.connections(), 0);
});

const nonsense: Readonly<Record<string, string>> = {
  'another protocol': `SSH-2.0-${outside}\r\n`,
  'HTTP/2 in clear': 'HTTP/2 200 OK\r\n\r\n',
  'lower case': 'http/1.1 200 OK\r\n\r\n',
  'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
  'a status that is none': 'HTTP/1.1 999 OK\r\n\r\n',
  'an interim answer': 'HTTP/1.1 100 Continue\r\n\r\n',
  'another protocol instead of a tunnel': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
  'lines without CR': 'HTTP/1.1 200 OK\n\n',
  'a CR within a line': 'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n',
  'a NUL': 'HTTP/1.1 200 OK\r\nA: \0\r\n\r\n',
  'a folded field': 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n',
  'a field without a name': 'HTTP/1.1 200 OK\r\n: b\r\n\r\n',
  'a space before the colon': 'HTTP/1.1 200 OK\r\nA : b\r\n\r\n',
  'too much': `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(20_000)}`,
  'more than the answer': `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
  'an answer in the name of the destination': `HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
};

for (const clear of [false, true]) {
  test(`an answer to CONNECT that is not one is refused, for ${clear ? 'an http' : 'an https'} destination, and nothing more is sent`, async () => {
    await using world = await startCorporate({ clear });
    for (const [what, bytes] of Object.entries(nonsense)) {
      world.proxy.misbehave((socket) => void socket.write(bytes, 'latin1'));
      await fails(world, malformed, what);
      assert.equal(world.proxy.seen.at(-1)?.upload(), '', what);
    }
    world.proxy.misbehave((socket) => socket.end());
    await fails(world, malformed, 'nothing at all');
    world.proxy.misbehave((socket) => socket.destroy());
    await fails(world, malformed, 'a broken connection');
  });
}

test('an answer that comes byte by byte is read like one that comes at once', async () => {
  await using world = await startCorporate();
  world.proxy.misbehave((socket) => void drip(socket, 'HTTP/1.0 407 \r\nProxy-Authenticate: Basic\r\n\r\n'));
  await fails(world, { status: 502, code: 'upstream_proxy_authentication_failed', error: 'proxy_configuration_error', received: 407 });
});

async function drip(socket: Socket, text: string): Promise<void> {
  for (const byte of text) await new Promise((resolve) => void socket.write(byte, resolve));
}

test('a proxy that does not answer is a timeout, and sees that the call has gone', async () => {
  await using world = await startCorporate({ destination: { timeouts: { connect: '200ms' } } });
  world.proxy.misbehave(() => {});
  await fails(world, { status: 504, code: 'upstream_proxy_timeout', error: 'connection_timeout' });
  await world.proxy.abandoned;
});

test('a TLS proxy that takes the connection and does not shake hands is a timeout of the proxy', async () => {
  await using stack = new AsyncDisposableStack();
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  stack.defer(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const settings = { url: `https://${proxyName}:${port}` };
  const world = stack.use(await startCorporate({ tls: true, settings, destination: { timeouts: { connect: '200ms' } } }));
  await fails(world, { status: 504, code: 'upstream_proxy_timeout', error: 'connection_timeout' });
});

test('a destination that does not shake hands behind the proxy is a timeout of the destination', async () => {
  await using world = await startCorporate({ destination: { timeouts: { connect: '200ms' } } });
  world.proxy.misbehave((socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n'));
  await fails(world, { status: 504, code: 'connect_timeout', error: 'connection_timeout' });
  await world.proxy.abandoned;
});

test('a proxy that breaks off during the handshake of the destination is told as a broken connection', async () => {
  await using world = await startCorporate();
  world.proxy.misbehave((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.once('data', () => socket.destroy());
  });
  await fails(world, { status: 502, code: 'upstream_broken', error: 'connection_terminated' });
});

for (const tls of [false, true]) {
  test(`behind ${tls ? 'a TLS' : 'a plain'} proxy a destination must prove its own name, and is sent nothing before`, async () => {
    await using world = await startCorporate({ tls, names: ['other.example', proxyName] });
    await fails(world, { status: 502, code: 'tls_failed', error: 'tls_certificate_error' });
    assert.deepEqual([world.origin.connections(), world.origin.seen.length], [1, 0]);
  });
}

test('a proxy that answers in the place of the destination is not believed, though its own certificate is', async () => {
  await using world = await startCorporate({ tls: true });
  const { ca: _ca, ...api } = { ca: '', ...world.api };
  world.exeat.rewrite({ destinations: { api: { ...api, ca: join(world.folder, 'corp.pem') } } });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  await fails(world, { status: 502, code: 'tls_failed', error: 'tls_certificate_error' });
  assert.equal(world.origin.seen.length, 0);
});

test('a proxy whose certificate is not trusted, or is for another name, gets no CONNECT and no credentials', async () => {
  await using world = await startCorporate({ tls: true, protected: true });
  const { ca: _ca, ...untrusted } = { ca: '', ...world.upstream };
  const renamed = { ...world.upstream, url: `https://other.corp.example:${world.proxy.port}` };
  for (const upstream of [untrusted, renamed]) {
    world.exeat.rewrite({ upstream_proxy: upstream });
    assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
    await fails(world, { status: 502, code: 'upstream_proxy_tls_failed', error: 'tls_certificate_error' });
  }
  assert.deepEqual(world.proxy.seen, []);
});

test('a proxy that speaks no TLS where it should gets no CONNECT and no credentials', async () => {
  await using plain = await startCorporate();
  await using world = await startCorporate({ tls: true, protected: true });
  world.exeat.rewrite({ upstream_proxy: { ...world.upstream, url: `https://${proxyName}:${plain.proxy.port}` } });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  await fails(world, { status: 502, code: 'upstream_proxy_tls_failed', error: 'tls_certificate_error' });
  assert.deepEqual([plain.proxy.seen, plain.proxy.others], [[], []]);
});

test('a proxy where nobody listens is unreachable', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  await using world = await startCorporate({ settings: { url: `http://${proxyName}:${port}` } });
  await fails(world, { status: 502, code: 'upstream_proxy_unreachable', error: 'destination_unavailable' });
});

const prohibited = { status: 502, code: 'upstream_proxy_prohibited', error: 'destination_ip_prohibited' };

test('the address of the proxy may be private, unless that is taken back; a metadata service it is never', async () => {
  await using strict = await startCorporate({ settings: { allow_private: false } });
  await fails(strict, prohibited);
  await using misled = await startCorporate({ proxyAddress: '169.254.169.254' });
  await fails(misled, prohibited);
  assert.equal(misled.proxy.connections() + strict.proxy.connections(), 0);
});

test("a listener of Exeat's own is never the proxy", async () => {
  await using world = await startCorporate();
  world.exeat.rewrite({ upstream_proxy: { url: `http://${proxyName}:${world.exeat.proxy.split(':')[1]}` } });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  await fails(world, prohibited);
});

test('a CA file of the proxy that cannot be read keeps a reload from changing anything', async () => {
  await using world = await startCorporate({ tls: true });
  world.exeat.rewrite({ upstream_proxy: { ...world.upstream, ca: join(world.folder, 'nothing.pem') } });
  const result = await world.exeat.sidecar.reload('test');
  assert.match(result.reloaded ? '' : result.reason, /^configuration: upstream_proxy\.ca: cannot read /);
  assert.equal((await world.get()).status, 200);
});
