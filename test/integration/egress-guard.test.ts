import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Resolve } from '../../src/egress/address-guard.ts';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { startOrigin } from '../support/origin.ts';
import { startTestSidecar, type TestSidecar } from '../support/sidecar.ts';

/** A name server whose answers are given in order, one a question; the last one stays. */
function nameServer(...answers: readonly (readonly string[])[]) {
  const asked: string[] = [];
  const resolve: Resolve = (hostname, _options, callback) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(hostname);
    setImmediate(() => callback(null, lookupAddresses(answer)));
  };
  return { asked, resolve };
}

/** A name server for a zone of names `0.zone.example`, `1.zone.example`, … */
function zone(answers: readonly (readonly string[])[]) {
  const resolve: Resolve = (hostname, _options, callback) => callback(null, lookupAddresses(answers[Number.parseInt(hostname, 10)] ?? []));
  return { names: answers.map((answer, index) => ({ name: `${index}.zone.example`, answer })), resolve };
}

function lookupAddresses(addresses: readonly string[]) {
  return addresses.map((address) => ({ address, family: isIP(address) }));
}

const get = (exeat: TestSidecar, url: string) => call(url, { proxy: exeat.proxy, authorization: exeat.open().authorization });

/** A sidecar whose one destination is an http service of this name and port, wherever that may be. */
function startFor(host: string, resolve: Resolve, more: object = {}) {
  return startTestSidecar({ destinations: { api: { hosts: [`http://${host}`], allow_private: true, ...more } } }, { resolve });
}

test('a name is resolved once for a connection, and what was checked is what is dialled', async () => {
  await using origin = await startOrigin();
  const { asked, resolve } = nameServer(['127.0.0.1'], ['169.254.169.254']);
  await using exeat = await startFor(`api.example:${origin.port}`, resolve);
  const { status } = await get(exeat, `http://api.example:${origin.port}/`);
  assert.deepEqual([status, asked], [200, ['api.example']]);
  const [event] = await exeat.events({ kind: 'call' });
  assert.equal(event?.['upstream'], '127.0.0.1');
});

test('a name that is bound to another address later is checked again at the next connection', async () => {
  await using origin = await startOrigin((_request, response) => {
    response.setHeader('connection', 'close');
    response.end('{}');
  });
  const { asked, resolve } = nameServer(['127.0.0.1'], ['169.254.169.254']);
  await using exeat = await startFor(`api.example:${origin.port}`, resolve);
  const url = `http://api.example:${origin.port}/`;
  assert.equal((await get(exeat, url)).status, 200);
  const { status, code, head } = await get(exeat, url);
  assert.deepEqual([status, code, asked.length], [403, 'address_prohibited', 2]);
  assert.match(head, /proxy-status: exeat; error=destination_ip_prohibited/);
  assert.equal(origin.connections(), 1);
});

const onlyPublic: readonly (readonly string[])[] = [
  ['127.0.0.1'],
  ['::1'],
  ['::ffff:127.0.0.1'],
  ['10.0.0.1'],
  ['1.1.1.1', '127.0.0.1'],
  ['127.0.0.1', '1.1.1.1'],
  ['2606:4700:4700::1111', '1.1.1.1', 'fd00::1'],
];

const never = [
  '169.254.169.254',
  '169.254.170.2',
  '::ffff:169.254.169.254',
  'fd00:ec2::254',
  '168.63.129.16',
  '100.100.100.200',
  '0.0.0.0',
];

test('where private addresses are not allowed, one of them among several is enough to refuse the call', async () => {
  await using origin = await startOrigin();
  const { names, resolve } = zone(onlyPublic);
  await using exeat = await startFor(`*.zone.example:${origin.port}`, resolve, { allow_private: false });
  for (const { name, answer } of names) {
    assert.equal((await get(exeat, `http://${name}:${origin.port}/`)).code, 'address_prohibited', answer.join(' '));
  }
  assert.equal(origin.connections(), 0);
});

test('a metadata or link-local address is refused also where private ones are allowed, alone or among others', async () => {
  await using origin = await startOrigin();
  const { names, resolve } = zone([...never.map((address) => [address]), ...never.map((address) => ['127.0.0.1', address])]);
  await using exeat = await startFor(`*.zone.example:${origin.port}`, resolve);
  for (const { name, answer } of names) {
    assert.equal((await get(exeat, `http://${name}:${origin.port}/`)).code, 'address_prohibited', answer.join(' '));
  }
  assert.equal(origin.connections(), 0);
});

test('a wildcard does not let the agent choose a metadata service by its name', async () => {
  const { asked, resolve } = nameServer(['127.0.0.1']);
  await using exeat = await startFor('*.google.internal', resolve);
  assert.equal((await get(exeat, 'http://metadata.google.internal/computeMetadata/v1/')).code, 'address_prohibited');
  assert.deepEqual(asked, [], 'it is not even looked up');
});

test('an address that another is dialled for is checked like any', async () => {
  const { resolve } = nameServer(['169.254.169.254']);
  await using exeat = await startFor('api.example:8080', resolve, { connect_to: 'inside.example:8080' });
  assert.equal((await get(exeat, 'http://api.example:8080/')).code, 'address_prohibited');
});

test('a name without addresses, or that cannot be resolved, is told apart from one that must not be reached', async () => {
  await using empty = await startFor('api.example:8080', (_name, _options, callback) => callback(null, []));
  await using failing = await startFor('api.example:8080', (_name, _options, callback) => callback(new Error('SERVFAIL'), []));
  for (const exeat of [empty, failing]) {
    const { status, code, head, body } = await get(exeat, 'http://api.example:8080/');
    assert.deepEqual([status, code], [502, 'dns_failed']);
    assert.match(head, /proxy-status: exeat; error=dns_error/);
    assert.doesNotMatch(body, /SERVFAIL|api\.example/, 'no text from outside');
  }
});

test("Exeat's own listeners are no destination, by whichever name or address of this host they are reached", async () => {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80'))
    .map(({ address }) => address);
  const { names, resolve } = zone(['127.0.0.1', '127.0.0.2', '::ffff:127.0.0.1', ...outside].map((address) => [address]));
  await using exeat = await startTestSidecar({ destinations: {}, intents: {}, listen: { health: '0.0.0.0:0' } }, { resolve });
  for (const listener of [exeat.sidecar.health, exeat.sidecar.control, exeat.proxy]) {
    const port = listener.slice(listener.lastIndexOf(':') + 1);
    const destinations = Object.fromEntries(
      names.map(({ name }, index) => [`d${index}`, { hosts: [`http://${name}`], connect_to: `${name}:${port}`, allow_private: true }]),
    );
    exeat.rewrite({ destinations, intents: { work: { description: 'Test', destinations: Object.keys(destinations) } } });
    assert.deepEqual(await exeat.sidecar.reload('test'), { reloaded: true });
    for (const { name, answer } of names) {
      const { status, code } = await get(exeat, `http://${name}/metrics`);
      assert.deepEqual([status, code], [403, 'own_listener'], `${answer.join()} port ${port}`);
    }
  }
});

test('a credential in clear leaves for loopback only, wherever its name may lead', async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'secret');
  writeFileSync(file, 'the-secret-4711');
  await using origin = await startOrigin();
  const credential = { kind: 'static', header: 'x-token', value: { file }, expires: '2999-01-01', reason: 'test' };
  const { asked, resolve } = nameServer(['10.255.255.1'], ['127.0.0.1', '10.255.255.1'], ['127.0.0.1']);
  await using exeat = await startFor(`api.localhost:${origin.port}`, resolve, { unsafe_cleartext: true, credential });
  const answers: unknown[] = [];
  for (let i = 0; i < 3; i += 1) answers.push((await get(exeat, `http://api.localhost:${origin.port}/`)).code);
  assert.deepEqual([answers, asked.length], [['address_prohibited', 'address_prohibited', undefined], 3]);
  assert.deepEqual(
    origin.seen.map(({ headers }) => headers['x-token']),
    ['the-secret-4711'],
  );
});
