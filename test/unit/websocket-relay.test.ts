import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocketRelay, type RelayEnd } from '../../src/egress/relay.ts';

/** One end of a connection: what it is sent is taken when it is told to, one write after the other. */
function connection() {
  const taken: string[] = [];
  let take: (() => void) | undefined;
  const end = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk.toString('latin1'));
      take = done;
    },
  });
  return { end, taken, take: () => take?.() };
}

const message = (text: string) => Buffer.from(`\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`, 'latin1');

test('what waits for a destination that does not take it does not go out any more when the WebSocket is cut', async () => {
  const [client, destination] = [connection(), connection()];
  const ended = Promise.withResolvers<RelayEnd>();
  const relay = new WebSocketRelay({ client: client.end, destination: destination.end, idleTimeoutMs: 0, ended: ended.resolve });
  for (const text of ['one', 'two', 'three']) client.end.push(message(text));
  await turn();
  assert.deepEqual(destination.taken, [message('one').toString('latin1')]);
  relay.cut('task_revoked');
  destination.take();
  await turn();
  assert.equal(destination.taken.length, 1);
  assert.match(client.taken.join(''), /task_revoked$/);
  client.take();
  client.end.destroy();
  assert.equal((await ended.promise).code, 'task_revoked');
});
