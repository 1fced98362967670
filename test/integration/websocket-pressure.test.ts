import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { controlOf, send } from '../support/control.ts';
import { startServe } from '../support/serve.ts';
import { loopback } from '../support/sidecar.ts';
import { openSocket, startSocketOrigin, startSocketWorld, switched, type SocketClient } from '../support/websockets.ts';
import { openWire } from '../support/wire.ts';

const mib = 1024 ** 2;
const messageBytes = 192 * mib;
/** What the buffers of four loopback sockets and of the relay may hold together. */
const heldBytes = 48 * mib;

/** Writes one long message as fast as it is taken, and tells how much of it has been. */
function pour(to: Duplex, { masked }: { masked: boolean }): () => number {
  const header = Buffer.alloc(masked ? 14 : 10);
  header.writeUInt16BE(masked ? 0x82_ff : 0x82_7f);
  header.writeBigUInt64BE(BigInt(messageBytes), 2);
  const chunk = Buffer.alloc(mib / 4, 0x81);
  let taken = 0;
  const next = () => {
    if (taken === messageBytes) return;
    to.write(chunk, () => {
      taken += chunk.length;
      next();
    });
  };
  to.write(header, next);
  return () => taken;
}

async function until(done: () => boolean, reader: Duplex): Promise<void> {
  while (!done()) await once(reader, 'data');
}

/** Waits until nothing has been taken for a while. */
async function still(taken: () => number): Promise<number> {
  for (let before = -1; before !== taken();) {
    before = taken();
    await pause(300);
  }
  return taken();
}

for (const from of ['client', 'destination'] as const) {
  test(`a long message from the ${from} waits in front of a side that does not read, and arrives whole when it does`, async () => {
    const ends = Promise.withResolvers<Duplex>();
    await using world = await startSocketWorld({
      answer(_request, socket) {
        socket.write(switched);
        ends.resolve(socket);
        return true;
      },
    });
    await using wire = await openWire(world.exeat.proxy);
    wire.send(world.handshake());
    await wire.until(/\r\n\r\n/);
    const [writer, reader] = from === 'client' ? [wire.socket, await ends.promise] : [await ends.promise, wire.socket];
    reader.pause();
    const taken = pour(writer, { masked: from === 'client' });
    const held = await still(taken);
    assert(held < heldBytes, `${Math.round(held / mib)} MiB are on their way`);
    let received = 0;
    wire.socket.removeAllListeners('data');
    reader.on('data', (chunk: Buffer | string) => {
      received += chunk.length;
    });
    reader.resume();
    const expected = messageBytes + (from === 'client' ? 14 : 10);
    await until(() => received >= expected, reader);
    assert.equal(received, expected);
  });
}

test('a thousand idle WebSockets fit into little memory, and speak when they are spoken to', async () => {
  await using origin = await startSocketOrigin();
  await using serve = await startServe({
    destinations: { chat: loopback(origin) },
    tasks: { max_running: 2000, max_running_per_task: 2000 },
  });
  const { body } = await controlOf(serve, 'orchestrator')('POST', '/v1/tasks', { intent: 'work' });
  const headers = { 'Proxy-Authorization': `Basic ${btoa(String(body['credential']).replace('.', ':'))}` };
  const clients: SocketClient[] = [];
  const open = async (count: number) => {
    const target = `${origin.url}/room`;
    while (count > 0) {
      const some = Array.from({ length: Math.min(count, 50) }, () =>
        openSocket({ proxy: serve.sidecar.proxy, target, host: origin.host, headers }),
      );
      clients.push(...(await Promise.all(some)));
      count -= some.length;
    }
  };
  const residentBytes = async () => {
    const { body: metrics } = await send(serve.sidecar.health, { path: '/metrics' });
    return Number(/^process_resident_memory_bytes (\d+)$/m.exec(String(metrics['text']))?.[1]);
  };
  await open(200);
  const before = await residentBytes();
  await open(1000);
  const each = ((await residentBytes()) - before) / 1000;
  assert(each < 64 * 1024, `${Math.round(each / 1024)} KiB each`);
  for (const client of clients) client.send('hello');
  assert.deepEqual(new Set((await Promise.all(clients.map((client) => client.next()))).map(String)), new Set(['hello']));
  for (const client of clients) client.ws.terminate();
});
