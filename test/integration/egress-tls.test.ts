import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createGuardedFetch } from '../../src/egress/client.ts';
import { destinationNamed, temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { createRoot, selfSigned, type ServerCertificate, type TestRoot } from '../support/certificates.ts';
import { startOrigin } from '../support/origin.ts';
import { startTestSidecar } from '../support/sidecar.ts';

const secret = 'the-secret-4711';

/** A TLS server on loopback and a sidecar for which it stands at `host`, with a credential for it. */
async function startWorld({ root, certificate, host = 'api.example' }: { root: TestRoot; certificate: ServerCertificate; host?: string }) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const [ca, file] = [join(folder, 'ca.pem'), join(folder, 'secret')];
  writeFileSync(ca, root.pem);
  writeFileSync(file, secret);
  const credential = { kind: 'static', header: 'x-token', value: { file }, expires: '2999-01-01', reason: 'test' };
  const origin = stack.use(await startOrigin(undefined, certificate));
  const api = { hosts: [host], connect_to: origin.host, allow_private: true, ca, credential };
  const exeat = stack.use(await startTestSidecar({ folder, destinations: { api } }));
  const { authorization } = exeat.open();
  return {
    origin,
    exeat,
    api,
    get: (url: string) => call(url, { proxy: exeat.proxy, authorization }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test('a certificate of a root that the destination trusts is accepted; SNI and Host are the destination, whatever is dialled', async () => {
  const root = await createRoot();
  await using world = await startWorld({ root, certificate: await root.issue(['api.example']) });
  for (const url of ['https://api.example/x', 'http://api.example/x', 'http://api.example:443/x']) {
    const { status } = await world.get(url);
    assert.equal(status, 200, url);
  }
  assert.deepEqual(
    world.origin.seen.map(({ sni, headers }) => [sni, headers.host, headers['x-token']]),
    Array.from({ length: 3 }, () => ['api.example', 'api.example', secret]),
  );
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['host'], event?.['upstream']], ['api.example', '127.0.0.1']);
});

const untrusted: readonly [what: string, make: (root: TestRoot) => Promise<ServerCertificate>][] = [
  ['signed by itself', () => selfSigned(['api.example'])],
  ['of a root that nobody trusts', async () => (await createRoot()).issue(['api.example'])],
  ['for another name', (root) => root.issue(['other.example', 'example', '*.api.example'])],
  ['for the address that is dialled', (root) => root.issue(['127.0.0.1', 'localhost'])],
  ['that has expired', (root) => root.issue(['api.example'], { fromDays: -9, toDays: -1 })],
  ['that is not valid yet', (root) => root.issue(['api.example'], { fromDays: 1, toDays: 9 })],
];

test('NODE_TLS_REJECT_UNAUTHORIZED=0 in our environment switches nothing off, for destinations and for what Exeat asks itself', async (t) => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
  await using world = await startWorld({ root: await createRoot(), certificate: await selfSigned(['api.example']) });
  assert.equal((await world.get('https://api.example/x')).code, 'tls_failed');
  const network = destinationNamed('api', { allowPrivate: true, connectTo: { host: '127.0.0.1', port: world.origin.port } });
  await using guarded = createGuardedFetch(network, { ownPorts: new Set() });
  await assert.rejects(guarded.fetch('https://api.example/jwks', {}));
  assert.equal(world.origin.seen.length, 0);
});

for (const [what, make] of untrusted) {
  test(`a certificate ${what} is refused, and nothing is sent to its server`, async () => {
    const root = await createRoot();
    await using world = await startWorld({ root, certificate: await make(root) });
    const { status, code, head } = await world.get('http://api.example/x');
    assert.deepEqual([status, code], [502, 'tls_failed']);
    assert.match(head, /proxy-status: exeat; error=tls_certificate_error/);
    assert.equal(world.origin.connections(), 1);
    assert.equal(world.origin.seen.length, 0);
    const [event] = await world.exeat.events({ kind: 'call' });
    assert.equal(event?.['code'], 'tls_failed');
  });
}

test('without a `ca` of its own a destination is verified against the public roots alone', async () => {
  const root = await createRoot();
  await using world = await startWorld({ root, certificate: await root.issue(['api.example']) });
  const { ca: _ca, ...api } = world.api;
  world.exeat.rewrite({ destinations: { api } });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal((await world.get('http://api.example/x')).code, 'tls_failed');
  assert.equal(world.origin.seen.length, 0);
});

test('a destination that is an address is verified by that address, not by the one that is dialled', async () => {
  const root = await createRoot();
  for (const [address, status] of [
    ['203.0.113.7', 200],
    ['127.0.0.1', 502],
  ] as const) {
    await using world = await startWorld({ root, certificate: await root.issue([address]), host: '203.0.113.7' });
    assert.equal((await world.get('http://203.0.113.7/x')).status, status, `a certificate for ${address}`);
  }
});

test('a server that speaks no TLS is sent a handshake and nothing else', async () => {
  const received: Buffer[] = [];
  await using stack = new AsyncDisposableStack();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  stack.defer(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const root = await createRoot();
  const world = stack.use(await startWorld({ root, certificate: await root.issue(['api.example']) }));
  world.exeat.rewrite({ destinations: { api: { ...world.api, connect_to: `127.0.0.1:${port}` } } });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  const { status, code, head } = await world.get('http://api.example/x');
  assert.deepEqual([status, code], [502, 'tls_handshake_failed']);
  assert.match(head, /proxy-status: exeat; error=tls_protocol_error/);
  const bytes = Buffer.concat(received);
  assert.equal(bytes[0], 22, 'a TLS handshake record');
  assert.doesNotMatch(bytes.toString('latin1'), new RegExp(`${secret}|GET /x`));
});

test('a credential reaches neither another port nor the plain http side of its host', async () => {
  const root = await createRoot();
  await using world = await startWorld({ root, certificate: await root.issue(['api.example']) });
  await using plain = await startOrigin();
  await using other = await startOrigin(undefined, await root.issue(['api.example']));
  const more = { allow_private: true, ca: world.api.ca };
  world.exeat.rewrite({
    destinations: {
      api: world.api,
      plain: { hosts: ['http://api.example:8080'], connect_to: plain.host, allow_private: true },
      other: { hosts: ['api.example:8443'], connect_to: other.host, ...more },
    },
  });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  const { authorization } = world.exeat.open();
  const get = (url: string) => call(url, { proxy: world.exeat.proxy, authorization });
  assert.equal((await get('http://api.example:8080/x')).status, 200);
  assert.equal((await get('https://api.example:8443/x')).status, 200);
  for (const url of ['http://api.example:81/', 'https://api.example:80/', 'https://api.example:8080/']) {
    assert.equal((await get(url)).code, 'destination_unknown', url);
  }
  assert.deepEqual(
    [...plain.seen, ...other.seen].map(({ headers }) => headers['x-token']),
    [undefined, undefined],
  );
  assert.equal((await get('http://api.example/x')).status, 200);
  assert.equal(world.origin.seen[0]?.headers['x-token'], secret);
});
