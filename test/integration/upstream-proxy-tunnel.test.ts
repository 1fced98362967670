import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { test } from 'node:test';
import { proxyName, secret, startCorporate } from '../support/corporate.ts';
import { callInside, openTunnel, requestOf } from '../support/tunnel.ts';
import { wireOn } from '../support/wire.ts';

for (const tls of [false, true]) {
  const through = `through ${tls ? 'a TLS' : 'a plain'} proxy`;

  test(`a blind tunnel leads ${through} to the destination, whose own certificate the client sees`, async () => {
    await using world = await startCorporate({ tls, blind: true });
    const authority = `api.example:${world.origin.port}`;
    const socket = await openTunnel(world.exeat, { authorization: world.authorization, authority });
    const inner = connectTls({ socket, servername: 'api.example', ca: world.root.pem });
    await once(inner, 'secureConnect');
    await using wire = wireOn(inner);
    wire.send(requestOf({ authority }, 'Connection: close'));
    assert.match(await wire.closed(), /^HTTP\/1\.1 200 [^]*"ok":true/);
    assert.deepEqual([world.proxy.seen.map(({ target }) => target), world.resolved], [[authority], [proxyName]]);
    const [started] = await world.exeat.events({ kind: 'call.started' });
    const event = await world.event();
    assert.deepEqual([started?.['address'], event?.['address'], event?.['upstream']], ['unchecked', 'unchecked', '127.0.0.1']);
  });

  test(`an intercepted tunnel leads ${through} with the credential injected`, async () => {
    await using world = await startCorporate({ tls });
    const authority = `api.example:${world.origin.port}`;
    const { status } = await callInside(world.exeat, { authorization: world.authorization, authority, host: authority });
    assert.deepEqual([status, world.origin.seen[0]?.headers['x-token'], world.proxy.seen.length], [200, secret, 1]);
  });
}

test('a blind tunnel that the proxy refuses is in the audit with its code and the status of the proxy', async () => {
  await using world = await startCorporate({ blind: true });
  world.proxy.misbehave((socket) => socket.end('HTTP/1.1 403 No\r\n\r\n'));
  const authority = `api.example:${world.origin.port}`;
  const socket = await openTunnel(world.exeat, { authorization: world.authorization, authority });
  const inner = connectTls({ socket, servername: 'api.example', ca: world.root.pem });
  inner.on('error', () => {});
  const event = await world.event();
  assert.deepEqual([event?.['code'], event?.['received_status'], event?.['address']], ['upstream_proxy_refused', 403, 'unchecked']);
  inner.destroy();
});
