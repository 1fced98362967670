import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { openHttp2 } from '../support/http2.ts';
import { connectTo, openInside, openTunnel, requestOf, startTunnelWorld, type TunnelWorld, trustOf } from '../support/tunnel.ts';
import { openWire } from '../support/wire.ts';
import { connect as connectTls } from 'node:tls';

/** What the agent is in the middle of: `begin` leaves it half sent, `go on` sends the other half, and more. */
interface Half {
  goOn(): void | Promise<void>;
  end(): void;
}

const head = 'POST https://api.example/x HTTP/1.1\r\nHost: api.example\r\n';
const chunked = ['Transfer-Encoding: chunked'];

const halves: readonly [what: string, begins: boolean, begin: (world: TunnelWorld, authorization: string) => Promise<Half>][] = [
  [
    'an upload through the forward door',
    true,
    async ({ exeat }, authorization) => {
      const wire = await openWire(exeat.proxy);
      wire.send(`${head}Proxy-Authorization: ${authorization}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n`);
      return { goOn: () => wire.send('5\r\nafter\r\n0\r\n\r\n'), end: () => wire.socket.destroy() };
    },
  ],
  [
    'a head through the forward door',
    false,
    async ({ exeat }, authorization) => {
      const wire = await openWire(exeat.proxy);
      wire.send(`${head}Proxy-Authorization: ${authorization}\r\nX-Half: a`);
      return { goOn: () => wire.send('b\r\nContent-Length: 5\r\n\r\nafter'), end: () => wire.socket.destroy() };
    },
  ],
  [
    'an upload inside of a tunnel',
    true,
    async ({ exeat }, authorization) => {
      const wire = await openInside(exeat, { authorization });
      wire.send(`${requestOf({ method: 'POST', fields: chunked })}5\r\nfirst\r\n`);
      return { goOn: () => wire.send('5\r\nafter\r\n0\r\n\r\n'), end: () => wire.socket.destroy() };
    },
  ],
  [
    'a TLS handshake',
    false,
    async ({ exeat }, authorization) => {
      const socket = await openTunnel(exeat, { authorization });
      return {
        async goOn() {
          const tls = connectTls({ socket, servername: 'api.example', ca: trustOf(exeat) });
          tls.on('error', () => {});
          await once(tls, 'secureConnect');
          tls.write(requestOf({ method: 'POST', body: 'after' }));
        },
        end: () => socket.destroy(),
      };
    },
  ],
  [
    'a CONNECT',
    false,
    async ({ exeat }, authorization) => {
      const wire = await openWire(exeat.proxy);
      wire.send(connectTo('api.example:443', authorization).slice(0, -2));
      return {
        async goOn() {
          wire.send('\r\n');
          await wire.until(/\r\n\r\n/);
          const tls = connectTls({ socket: wire.socket, servername: 'api.example', ca: trustOf(exeat) });
          tls.on('error', () => {});
          await once(tls, 'secureConnect');
          tls.write(requestOf({ method: 'POST', body: 'after' }));
        },
        end: () => wire.socket.destroy(),
      };
    },
  ],
  [
    'a stream of HTTP/2',
    true,
    async ({ exeat }, authorization) => {
      const client = await openHttp2(exeat, { authorization });
      const stream = client.open({ ':method': 'POST' });
      stream.write('first');
      return { goOn: () => void stream.write('after'), end: () => client.session.destroy() };
    },
  ],
  [
    'a connection of HTTP/2 on which another stream follows',
    true,
    async ({ exeat }, authorization) => {
      const client = await openHttp2(exeat, { authorization });
      client.open({ ':method': 'POST' }).write('first');
      return { goOn: () => void client.open({ ':method': 'POST' }).end('after'), end: () => client.session.destroy() };
    },
  ],
];

for (const [what, begins, begin] of halves) {
  for (const answers of begins ? [false, true] : [false]) {
    test(`not a byte of ${what} goes out after its task was revoked in the middle of it${answers ? ', the answer having begun' : ''}`, async () => {
      const received: string[] = [];
      const arrived = Promise.withResolvers<void>();
      const cut = Promise.withResolvers<void>();
      await using world = await startTunnelWorld({
        answer(request, response) {
          if (answers) response.writeHead(200).write('begun');
          request.on('data', (chunk: Buffer) => {
            received.push(chunk.toString());
            arrived.resolve();
          });
          request.socket.once('close', () => cut.resolve());
        },
      });
      const { id, authorization } = world.exeat.open();
      const half = await begin(world, authorization);
      if (begins) await arrived.promise;
      await world.exeat.sidecar.tasks.revoke(id, 'operator');
      await half.goOn();
      if (begins) await cut.promise;
      const [event] = await world.exeat.events({ kind: 'call', task: id });
      assert.equal(event?.['code'], 'task_revoked');
      assert.deepEqual(received, begins ? ['first'] : []);
      assert.equal(world.origin.connections(), begins ? 1 : 0);
      half.end();
    });
  }
}
