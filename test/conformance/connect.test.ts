import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callInside, connectTo, openInside, openTunnel, requestOf, startTunnelWorld, type TunnelWorld } from '../support/tunnel.ts';
import { openWire, statuses, wireOn } from '../support/wire.ts';

// CONNECT as it comes over the wire (RFC 9110 §9.3.6, RFC 9112 §3.2.3), and what is said inside of it (RFC 9110 §7.4).

let world: TunnelWorld;
let auth: string;

before(async () => {
  world = await startTunnelWorld({
    config: { destinations: { wild: { hosts: ['*.wild.example'], connect_to: '127.0.0.1:1', allow_private: true } } },
  });
  auth = world.authorization();
});
after(() => world[Symbol.asyncDispose]());

const to = (target: string, ...fields: readonly string[]) =>
  [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`, `Proxy-Authorization: ${auth}`, ...fields, '', ''].join('\r\n');
const withLines = (...lines: readonly string[]) => [...lines, '', ''].join('\r\n');
const credential = () => `Proxy-Authorization: ${auth}`;

const refused: readonly [what: string, message: () => string, status: number][] = [
  ['a target without a port', () => to('api.example'), 400],
  ['an empty port', () => to('api.example:'), 400],
  ['port 0', () => to('api.example:0'), 400],
  ['a port above 65535', () => to('api.example:65536'), 400],
  ['a port with a leading zero', () => to('api.example:0443'), 400],
  ['a signed port', () => to('api.example:+443'), 400],
  ['no host', () => to(':443'), 400],
  ['user-info', () => to('user:secret@api.example:443'), 400],
  ['a path', () => to('api.example:443/x'), 400],
  ['a URL', () => to('https://api.example:443'), 400],
  ['a trailing dot', () => to('api.example.:443'), 400],
  ['two trailing dots', () => to('api.example..:443'), 400],
  ['brackets around a name', () => to('[api.example]:443'), 400],
  ['a bracket that is not closed', () => to('[::1:443'), 400],
  ['an IPv6 address without brackets', () => to('::1:443'), 400],
  ['an IPv6 address in another spelling', () => to('[0:0:0:0:0:0:0:1]:443'), 400],
  ['an IPv6 zone', () => to('[fe80::1%25eth0]:443'), 400],
  ['an IPv4 address as one number', () => to('2130706433:443'), 400],
  ['an IPv4 address with two parts', () => to('127.1:443'), 400],
  ['a hexadecimal IPv4 address', () => to('0x7f.0.0.1:443'), 400],
  ['an octal IPv4 address', () => to('0177.0.0.1:443'), 400],
  ['an encoded host', () => to('api%2eexample:443'), 400],
  ['a second port', () => to('api.example:443:80'), 400],
  ['a Host that differs', () => withLines('CONNECT api.example:443 HTTP/1.1', 'Host: other.example:443', credential()), 400],
  ['a Host with another port', () => withLines('CONNECT api.example:443 HTTP/1.1', 'Host: api.example:8443', credential()), 400],
  ['two Host fields', () => to('api.example:443', 'Host: api.example:443'), 400],
  ['no Host', () => withLines('CONNECT api.example:443 HTTP/1.1', credential()), 400],
  ['a body', () => `${to('api.example:443', 'Content-Length: 5')}hello`, 400],
  ['a chunked body', () => `${to('api.example:443', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 400],
  ['HTTP/2.0 in its request line', () => to('api.example:443').replace('HTTP/1.1', 'HTTP/2.0'), 400],
  ['an expectation', () => to('api.example:443', 'Expect: 100-continue'), 400],
  ['two credentials', () => to('api.example:443', credential()), 400],
  ['Exeat-Task', () => to('api.example:443', 'Exeat-Task: a.b'), 400],
  ['an unknown host', () => to('other.example:443'), 403],
  ['an address that no destination names', () => to('127.0.0.1:443'), 403],
  ['a metadata address', () => to('169.254.169.254:80'), 403],
  ['an IPv6 address that no destination names', () => to('[::1]:443'), 403],
  ['a port that the destination does not name', () => to('api.example:22'), 403],
  ['the http port of an https destination', () => to('api.example:80'), 403],
  ['a name that a wildcard does not match', () => to('a.b.wild.example:443'), 403],
  ['the wildcard itself', () => to('*.wild.example:443'), 400],
  ["Exeat's own listener", () => to(world.exeat.proxy), 403],
  ['no task credential', () => withLines('CONNECT api.example:443 HTTP/1.1', 'Host: api.example:443', 'Connection: close'), 407],
  ['an unknown task credential', () => connectTo('api.example:443', 'Basic YTpi'), 407],
  ['a credential that is none', () => connectTo('api.example:443', 'nonsense'), 407],
];

for (const [what, message, status] of refused) {
  test(`a CONNECT with ${what} is refused with ${status} in the status line, audited, and nothing is dialled`, async () => {
    const { id, authorization } = world.exeat.open();
    auth = authorization;
    await using wire = await openWire(world.exeat.proxy);
    wire.send(message());
    const answer = await wire.until(/\r\n\r\n[^]*\}/);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} [A-Z][^\r]{20,}\\.\r\n`), 'a reason that a person can read');
    assert.match(answer, /\r\nproxy-status: exeat; error=http_request_(?:error|denied); details="\w+"\r/i);
    assert.equal(world.origin.connections(), 0);
    if (status === 407 || what === 'two credentials') return;
    const [event] = await world.exeat.events({ kind: 'call', task: id });
    assert.deepEqual([event?.['door'], event?.['method'], event?.['status']], ['forward', 'CONNECT', status]);
  });
}

const accepted: readonly [what: string, message: () => string][] = [
  ['in HTTP/1.0 without Host, as older Pythons send it', () => withLines('CONNECT api.example:443 HTTP/1.0', credential())],
  ['with a Host that leaves out the port', () => withLines('CONNECT api.example:443 HTTP/1.1', 'Host: api.example', credential())],
  ['in upper case', () => to('API.Example:443')],
  ['with Content-Length: 0, as WinHTTP sends it', () => to('api.example:443', 'Content-Length: 0')],
  ['with Proxy-Connection', () => to('api.example:443', 'Proxy-Connection: Keep-Alive', 'User-Agent: x')],
  ['to a name of a wildcard', () => to('a.wild.example:443')],
];

for (const [what, message] of accepted) {
  test(`a CONNECT ${what} is taken, and nothing is dialled for it`, async () => {
    await using wire = await openWire(world.exeat.proxy);
    wire.send(message());
    assert.match(await wire.until(/\r\n\r\n/), /^HTTP\/1\.1 200 [^\r]*\r\n\r\n$/);
    assert.equal(world.origin.connections(), 0);
  });
}

test('a client that is asked for its credential may send it on the same connection', async () => {
  await using wire = await openWire(world.exeat.proxy);
  wire.send(connectTo('api.example:443'));
  assert.match(await wire.until(/\}$/), /^HTTP\/1\.1 407 [^]*\r\nproxy-authenticate: Basic realm="exeat"\r\n/i);
  const warnings: Error[] = [];
  process.on('warning', (warning) => warnings.push(warning));
  for (let tries = 2; tries <= 15; tries += 1) {
    wire.send(connectTo('api.example:443', 'Basic YTpi'));
    await wire.until(new RegExp(`(?:407 [^]*){${tries}}\\}$`));
  }
  wire.send(connectTo('api.example:443', auth));
  assert.deepEqual(statuses(await wire.until(/\}HTTP\/1\.1 200 [^]*\r\n\r\n$/)), [...Array.from({ length: 15 }, () => 407), 200]);
  assert.deepEqual(warnings, []);
  const [event] = await world.exeat.events({ kind: 'call.refused' });
  assert.ok(Number(event?.['count']) > 0, 'what no task stands behind is summed');
});

test('bytes that come with a refused CONNECT are never read as a request', async () => {
  await using wire = await openWire(world.exeat.proxy);
  wire.send(connectTo('api.example:443') + requestOf({ host: 'api.example' }) + connectTo('api.example:443', auth));
  assert.deepEqual(statuses(await wire.closed()), [407]);
});

test('a CONNECT behind a request whose answer is under way breaks the connection', async () => {
  await using wire = await openWire(world.exeat.proxy);
  wire.send(`GET http://api.example/x HTTP/1.1\r\nHost: api.example\r\nProxy-Authorization: ${auth}\r\n\r\n${to('api.example:443')}`);
  assert.doesNotMatch(await wire.closed(), /200 Connection established/);
});

test('a CONNECT inside of a tunnel is refused', async () => {
  await using wire = await openInside(world.exeat, { authorization: auth });
  wire.send(to('api.example:443'));
  assert.match(await wire.closed(), /^HTTP\/1\.1 405 [^]*method_refused/);
});

const inside: readonly [what: string, message: Parameters<typeof requestOf>[0], status: number, code: string][] = [
  ['another Host', { host: 'other.example' }, 421, 'misdirected'],
  ['another port in Host', { host: 'api.example:8443' }, 421, 'misdirected'],
  ['a URL of another host', { path: 'https://other.example/x' }, 421, 'misdirected'],
  ['a URL of another scheme', { path: 'http://api.example:443/x' }, 421, 'misdirected'],
  ['a Host that is none', { host: 'api.example.' }, 400, 'malformed_request'],
  ['two Host fields', { fields: ['Host: other.example'] }, 400, 'malformed_request'],
  ['Proxy-Authorization', { fields: ['Proxy-Authorization: Basic YTpi'] }, 400, 'malformed_request'],
  ['Exeat-Task', { fields: ['Exeat-Task: a.b'] }, 400, 'malformed_request'],
  ['an ambiguous path', { path: '/a/../x' }, 400, 'ambiguous_path'],
  ['two lengths', { fields: ['Content-Length: 3', 'Transfer-Encoding: chunked'] }, 400, 'malformed_request'],
  ['a credential in the query', { path: '/x?access_token=a' }, 400, 'credential_in_query'],
  ['TRACE', { method: 'TRACE' }, 405, 'method_refused'],
  ['an asterisk', { method: 'OPTIONS', path: '*' }, 400, 'malformed_request'],
];

for (const [what, message, status, code] of inside) {
  test(`inside of a tunnel ${what} is refused with ${status}, and the event names the task`, async () => {
    const { id, authorization } = world.exeat.open();
    const before = world.origin.seen.length;
    const answer = await callInside(world.exeat, { authorization, ...message });
    assert.deepEqual([answer.status, answer.code ?? code], [status, code]);
    assert.equal(world.origin.seen.length, before);
    if (what === 'two lengths') return;
    const [event] = await world.exeat.events({ kind: 'call', task: id });
    assert.deepEqual([event?.['code'], event?.['door'], event?.['host']], [code, 'tunnel', 'api.example']);
  });
}

for (const path of ['https://api.example/x', 'https://api.example:443/x', 'HTTPS://API.example/x']) {
  test(`inside of a tunnel ${path} is the path /x`, async () => {
    assert.equal((await callInside(world.exeat, { authorization: auth, path })).status, 200);
    assert.equal(world.origin.seen.at(-1)?.url, '/x');
  });
}

test('an address is reached by a tunnel where a destination names it, with or without a server name', async () => {
  await using addressed = await startTunnelWorld({ destination: { hosts: ['203.0.113.7'] } });
  const answer = await callInside(addressed.exeat, {
    authorization: addressed.authorization(),
    authority: '203.0.113.7:443',
    tls: { servername: '', host: '203.0.113.7' },
  });
  assert.equal(answer.status, 200);
  assert.equal(addressed.origin.seen[0]?.sni, undefined);
});

test('what is said in plain where TLS is expected is answered in plain', async () => {
  const { id, authorization } = world.exeat.open();
  const wire = wireOn(await openTunnel(world.exeat, { authorization }));
  wire.send(requestOf({}));
  assert.match(await wire.closed(), /^HTTP\/1\.1 400 [^]*tls_expected/);
  const [event] = await world.exeat.events({ kind: 'call', task: id });
  assert.deepEqual([event?.['code'], event?.['method'], event?.['host']], ['tls_expected', 'CONNECT', 'api.example']);
});

test('what begins as TLS and is no ClientHello gets an alert, and an event', async () => {
  const { id, authorization } = world.exeat.open();
  const wire = wireOn(await openTunnel(world.exeat, { authorization }));
  wire.send('\u0016\u0003\u0001\u0000\u0000');
  assert.deepEqual(Buffer.from(await wire.closed(), 'latin1'), Buffer.from([21, 3, 3, 0, 2, 2, 50]));
  assert.equal((await world.exeat.events({ kind: 'call', task: id }))[0]?.['code'], 'tls_unreadable');
});
