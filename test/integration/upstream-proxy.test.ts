import assert from 'node:assert/strict';
import { test } from 'node:test';
import { basic } from '../support/connect-proxy.ts';
import { password, proxyName, secret, startCorporate } from '../support/corporate.ts';

for (const tls of [false, true]) {
  test(`an https destination is reached through ${tls ? 'a TLS' : 'a plain'} proxy by CONNECT, and verified end to end`, async () => {
    await using world = await startCorporate({ tls });
    for (let calls = 0; calls < 2; calls += 1) assert.equal((await world.get()).status, 200);
    assert.deepEqual(
      world.origin.seen.map(({ sni, headers }) => [sni, headers.host, headers['x-token']]),
      Array.from({ length: 2 }, () => ['api.example', `api.example:${world.origin.port}`, secret]),
    );
    const [tunnel, ...more] = world.proxy.seen;
    assert.deepEqual([tunnel?.target, tunnel?.headers, more], [`api.example:${world.origin.port}`, { host: tunnel?.target }, []]);
    assert.equal(tunnel?.upload().charCodeAt(0), 22, 'a TLS handshake record');
    assert.doesNotMatch(tunnel?.upload() ?? '', new RegExp(`${secret}|GET /x|x-token`, 'i'));
    assert.deepEqual(world.resolved, [proxyName], 'the name of the destination is for the proxy to resolve');
  });
}

test('the audit says that the address is unchecked; upstream is the address of the proxy, which was dialled', async () => {
  await using world = await startCorporate();
  await world.get();
  const event = await world.event();
  assert.deepEqual([event?.['host'], event?.['address'], event?.['upstream']], ['api.example', 'unchecked', '127.0.0.1']);
});

test('an http destination is reached by CONNECT too: no request of the agent is read or changed by the proxy', async () => {
  await using world = await startCorporate({ clear: true });
  assert.equal((await world.get()).status, 200);
  assert.deepEqual(world.proxy.others, []);
  assert.match(world.proxy.seen[0]?.upload() ?? '', /^GET \/x HTTP\/1\.1\r\n/);
  assert.equal((await world.event())?.['address'], 'unchecked');
});

for (const tls of [false, true]) {
  test(`the credentials of ${tls ? 'a TLS' : 'a plain'} proxy are sent to it, and to nobody else`, async () => {
    await using world = await startCorporate({ tls, protected: true });
    const answer = await world.get();
    assert.equal(answer.status, 200);
    const value = basic('exeat', password);
    assert.deepEqual(
      world.proxy.seen.map(({ headers }) => headers['proxy-authorization']),
      [value],
    );
    assert.equal(world.origin.seen[0]?.headers['proxy-authorization'], undefined);
    await world.event();
    const elsewhere = JSON.stringify([answer, world.exeat.allEvents(), world.origin.seen]);
    for (const text of [password, value, value.slice(6)]) assert.ok(!elsewhere.includes(text));
  });
}

test('a name in no_proxy is dialled, and its address is checked and told', async () => {
  await using world = await startCorporate({ settings: { no_proxy: ['api.example'] }, destination: { allow_private: true } });
  assert.equal((await world.get()).status, 200);
  assert.equal(world.proxy.connections(), 0);
  const event = await world.event();
  assert.deepEqual([event?.['address'], event?.['upstream']], [undefined, '127.0.0.1']);
});

test('a wildcard in no_proxy stands for exactly one label', async () => {
  await using world = await startCorporate({
    hosts: ['a.api.example', 'b.a.api.example'],
    names: ['a.api.example', 'b.a.api.example'],
    settings: { no_proxy: ['*.api.example'] },
    destination: { allow_private: true },
  });
  assert.equal((await world.get('a.api.example')).status, 200);
  assert.equal(world.proxy.connections(), 0);
  assert.equal((await world.get('b.a.api.example')).status, 200);
  assert.deepEqual(
    world.proxy.seen.map(({ target }) => target),
    [`b.a.api.example:${world.origin.port}`],
  );
});

test("what a wildcard stands for never goes through the proxy: the agent chooses those names, and their addresses are Exeat's to check", async () => {
  await using world = await startCorporate({ hosts: ['*.api.example', 'api.example'] });
  assert.equal((await world.get('chosen.api.example')).code, 'address_prohibited');
  assert.equal(world.proxy.connections(), 0);
  assert.equal((await world.get('api.example')).status, 200, 'an exact name of the same destination does');
  assert.equal(world.proxy.connections(), 1);
});

test('an address never goes through the proxy', async () => {
  await using world = await startCorporate({ hosts: ['127.0.0.1'], destination: { allow_private: true } });
  assert.equal((await world.get('127.0.0.1')).status, 200);
  assert.equal(world.proxy.connections(), 0);
  assert.equal((await world.event())?.['address'], undefined);
});

test('localhost never goes through the proxy, whose own it would be', async () => {
  await using world = await startCorporate({ hosts: ['localhost'], names: ['localhost'], destination: { allow_private: true } });
  assert.equal((await world.get('localhost')).status, 200);
  assert.equal(world.proxy.connections(), 0);
});

test('a destination with a connect_to is dialled there', async () => {
  await using world = await startCorporate();
  world.exeat.rewrite({ destinations: { api: { ...world.api, connect_to: world.origin.host, allow_private: true } } });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal((await world.get()).status, 200);
  assert.equal(world.proxy.connections(), 0);
});

test('a reload changes the proxy for new connections, or takes it away', async () => {
  await using world = await startCorporate();
  await using other = await startCorporate();
  assert.equal((await world.get()).status, 200);
  world.exeat.rewrite({ upstream_proxy: other.upstream });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  const { code, head } = await world.get();
  assert.equal(code, 'upstream_proxy_refused', 'the other proxy does not know where this API is');
  assert.match(head, /received-status=502/);
  assert.deepEqual([world.proxy.connections(), other.proxy.connections()], [1, 1]);
  world.exeat.rewrite({ upstream_proxy: { ...other.upstream, no_proxy: ['api.example'] } });
  assert.deepEqual(await world.exeat.sidecar.reload('test'), { reloaded: true });
  assert.equal((await world.get()).code, 'address_prohibited', 'dialled, it is a private address like any');
});

test('the proxy variables of the process mean nothing to Exeat itself', async () => {
  await using elsewhere = await startCorporate();
  const names = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) process.env[name] = name.toLowerCase() === 'no_proxy' ? '*' : `http://127.0.0.1:${elsewhere.proxy.port}`;
  try {
    await using world = await startCorporate();
    assert.equal((await world.get()).status, 200);
    assert.deepEqual([world.proxy.connections(), elsewhere.proxy.connections()], [1, 0]);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
});
