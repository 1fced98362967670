import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';

const own = [
  'Authorization: Bearer agent',
  'Cookie: a=b',
  'X-Api-Key: k',
  'X-Goog-Api-Key: g',
  'X-Amz-Security-Token: t',
  'DPoP: d',
  'Signature: s',
  'Txn-Token: t',
];
const hops = [
  'Connection: keep-alive, X-Hop',
  'X-Hop: 1',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'TE: trailers, gzip',
  'Upgrade: h2c',
  'Trailer: x',
];
const strip = [
  'Forwarded: for=1.2.3.4',
  'X-Forwarded-For: 1.2.3.4',
  'Via: 1.1 other',
  'Metadata-Flavor: Google',
  'Metadata: true',
  'X-aws-ec2-metadata-token: t',
];

const names = (list: readonly string[]): string[] => list.map((field) => field.slice(0, field.indexOf(':')).toLowerCase());

const folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-secret-'));
after(() => folder.remove());

function secretFile(value: string): string {
  const file = join(folder.path, 'secret');
  writeFileSync(file, value, { mode: 0o600 });
  return file;
}

test("hop-by-hop fields, the agent's own credentials and what impersonates a proxy never travel further, and the audit names the credentials", async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
  await using wire = await openWire(exeat.proxy);
  const fields = [...own, ...hops, ...strip, 'Accept: text/plain', 'X-Custom: stays'];
  wire.send(
    [`GET ${origin.url}/x HTTP/1.1`, `Host: ${origin.host}`, `Proxy-Authorization: ${exeat.open().authorization}`, ...fields, '', ''].join(
      '\r\n',
    ),
  );
  await wire.until(/ok":true/);
  const headers = origin.seen[0]?.headers ?? {};
  for (const name of [
    ...names(own),
    'x-hop',
    'keep-alive',
    'proxy-connection',
    'upgrade',
    'trailer',
    'proxy-authorization',
    ...names(strip),
  ].filter((each) => each !== 'via')) {
    assert.equal(headers[name], undefined, name);
  }
  assert.equal(headers['te'], 'trailers');
  assert.match(String(headers['via']), /^1\.1 exeat-[0-9a-f]{24}$/);
  assert.equal(headers['x-custom'], 'stays');
  const [event] = await exeat.events({ kind: 'call' });
  assert.deepEqual(event?.['removed'], names(own));
});

test('nothing the agent sends can stand beside or replace the credential that Exeat adds', async () => {
  await using origin = await startOrigin();
  const credential = {
    kind: 'static',
    header: 'x-token',
    value: { file: secretFile('the-secret') },
    expires: '2099-01-01',
    reason: 'test',
  };
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin, { credential }) } });
  await using wire = await openWire(exeat.proxy);
  wire.send(
    [
      `GET ${origin.url}/x HTTP/1.1`,
      `Host: ${origin.host}`,
      `Proxy-Authorization: ${exeat.open().authorization}`,
      'X-Token: mine',
      'x-tOKEN: mine too',
      '',
      '',
    ].join('\r\n'),
  );
  await wire.until(/ok":true/);
  const raw = origin.seen[0]?.rawHeaders ?? [];
  assert.deepEqual(
    raw.filter((_, i) => raw[i - 1]?.toLowerCase() === 'x-token' && i % 2 === 1),
    ['the-secret'],
  );
  for (const line of exeat.allEvents()) assert.ok(!JSON.stringify(line).includes('the-secret'));
});

test('on a route the header that carries the task, whichever a client uses for it, never travels further', async () => {
  await using origin = await startOrigin();
  await using exeat = await startTestSidecar({
    destinations: { api: { route: '/api', url: origin.url, allow_private: true, unsafe_keep: ['authorization', 'x-api-key', 'api-key'] } },
  });
  const { credential } = exeat.open();
  const [id = '', secret = ''] = credential.split('.');
  for (const field of [
    `Exeat-Task: ${credential}`,
    `Authorization: Bearer ${credential}`,
    `Authorization: Basic ${btoa(`${id}:${secret}`)}`,
    `X-Api-Key: ${credential}`,
    `Api-Key: ${credential}`,
  ]) {
    await using wire = await openWire(exeat.proxy);
    wire.send(`GET /api/x HTTP/1.1\r\nHost: ${exeat.proxy}\r\n${field}\r\n\r\n`);
    assert.match(await wire.until(/\}$/), /^HTTP\/1\.1 200 /, field);
    const sent = JSON.stringify(origin.seen.at(-1)?.rawHeaders);
    assert.ok(!sent.includes(secret) && !sent.includes(btoa(`${id}:${secret}`)), field);
  }
  assert.equal(origin.seen.length, 5);
});

test("a destination's Alt-Svc, its Exeat-* fields and a Proxy-Status in our name are taken out; cookies pass only where they may", async () => {
  await using origin = await startOrigin((_request, response) => {
    response.writeHead(200, {
      'alt-svc': 'h3=":443"',
      'exeat-task': 'x',
      'proxy-status': ['exeat; error=http_request_denied', 'other; received-status=200'],
      'set-cookie': ['a=b', 'c=d'],
      connection: 'x-secret-hop',
      'x-secret-hop': '1',
      'x-fine': 'yes',
    });
    response.end('done');
  });
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET ${origin.url}/x HTTP/1.1\r\nHost: ${origin.host}\r\nProxy-Authorization: ${exeat.open().authorization}\r\n\r\n`);
  const answer = await wire.until(/done/);
  assert.doesNotMatch(answer, /alt-svc|exeat-task|proxy-status: exeat|set-cookie|x-secret-hop/i);
  assert.match(answer, /proxy-status: other; received-status=200/i);
  assert.match(answer, /x-fine: yes/i);
});

test('on a route HSTS is dropped, and a Location within the destination becomes a path on the route', async () => {
  await using origin = await startOrigin((_request, response) => {
    response.writeHead(302, { location: `${origin.url}/base/next?x=1`, 'strict-transport-security': 'max-age=1' });
    response.end();
  });
  await using exeat = await startTestSidecar({
    destinations: { api: { route: '/api', url: `${origin.url}/base`, allow_private: true, unsafe_cleartext: true } },
  });
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET /api/first HTTP/1.1\r\nHost: ${exeat.proxy}\r\nExeat-Task: ${exeat.open().credential}\r\n\r\n`);
  const answer = await wire.until(/\r\n\r\n/);
  assert.match(answer, /location: \/api\/next\?x=1/i);
  assert.doesNotMatch(answer, /strict-transport/i);
  assert.equal(origin.seen[0]?.url, '/base/first');
  assert.equal(origin.seen[0]?.headers['exeat-task'], undefined);
});

test('a redirect is returned, never followed', async () => {
  await using elsewhere = await startOrigin();
  await using origin = await startOrigin((_request, response) => {
    response.writeHead(307, { location: `${elsewhere.url}/stolen` });
    response.end();
  });
  await using exeat = await startTestSidecar({ destinations: { api: loopback(origin) } });
  await using wire = await openWire(exeat.proxy);
  wire.send(`GET ${origin.url}/x HTTP/1.1\r\nHost: ${origin.host}\r\nProxy-Authorization: ${exeat.open().authorization}\r\n\r\n`);
  assert.match(await wire.until(/\r\n\r\n/), /^HTTP\/1\.1 307 /);
  assert.equal(elsewhere.connections(), 0);
});
