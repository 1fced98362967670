import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { openInside, requestOf, startTunnelWorld } from '../support/tunnel.ts';

test('events pass through a tunnel one by one, and the end of the client reaches the origin', async () => {
  const { promise, resolve } = Promise.withResolvers<(data: string) => void>();
  const gone = Promise.withResolvers<void>();
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      response.on('close', gone.resolve);
      resolve((data) => void response.write(`data: ${data}\n\n`));
    },
  });
  await using wire = await openInside(world.exeat, { authorization: world.authorization() });
  wire.send(requestOf({}));
  const send = await promise;
  await wire.until(/200 OK[^]*\r\n\r\n/);
  for (const data of ['one', 'two', 'three']) {
    send(data);
    await wire.until(new RegExp(`data: ${data}\n\n`));
  }
  wire.socket.destroy();
  await gone.promise;
  const [event] = await world.exeat.events({ kind: 'call' });
  assert.equal(event?.['code'], 'client_gone');
});

test('a large upload arrives whole, and a client that waits for 100 (Continue) gets it', async () => {
  const body = Buffer.alloc(20 * 1024 * 1024, 'exeat ');
  await using world = await startTunnelWorld({
    answer: (request, response) => {
      const hash = createHash('sha256');
      request.on('data', (chunk: Buffer) => hash.update(chunk));
      request.on('end', () => response.end(hash.digest('hex')));
    },
  });
  await using wire = await openInside(world.exeat, { authorization: world.authorization() });
  wire.send(requestOf({ method: 'PUT', fields: [`Content-Length: ${body.length}`, 'Expect: 100-continue'] }));
  await wire.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  if (!wire.socket.write(body)) await once(wire.socket, 'drain');
  await wire.until(new RegExp(createHash('sha256').update(body).digest('hex')));
});

test('an upload that is denied is never asked for', async () => {
  await using world = await startTunnelWorld({
    config: { policy: '@id("reads") permit (principal, action in Action::"read", resource);' },
  });
  await using wire = await openInside(world.exeat, { authorization: world.authorization() });
  wire.send(requestOf({ method: 'PUT', fields: ['Content-Length: 1000000', 'Expect: 100-continue'] }));
  assert.match(await wire.until(/\}$/), /^HTTP\/1\.1 403 [^]*policy_denied/);
  assert.equal(world.origin.connections(), 0);
});

test('a client that reads slowly holds the origin back', async () => {
  let written = 0;
  const block = Buffer.alloc(64 * 1024);
  await using world = await startTunnelWorld({
    answer: (_request, response) => {
      const more = () => {
        while (written < 512 && response.write(block)) written += 1;
        if (written < 512) response.once('drain', more);
        else response.end();
      };
      more();
    },
  });
  await using wire = await openInside(world.exeat, { authorization: world.authorization() });
  wire.send(requestOf({}));
  await once(wire.socket, 'data');
  wire.socket.pause();
  await stable(() => written);
  assert.ok(written < 400, `${written} blocks of 512 were sent to a client that reads nothing`);
});

/** Waits until a number has not changed for a while. */
async function stable(read: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 20; same = read() === last ? same + 1 : 0, last = read()) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
