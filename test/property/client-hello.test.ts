import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/fast-check.ts';
import { readOpening } from '../../src/ingress/client-hello.ts';
import { clientHello, extension, records, serverName } from '../support/client-hello.ts';

const hostname = fc.domain();
const others = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.uint8Array({ maxLength: 40 }))
    .map(([type, content]) => extension(type, Buffer.from(content))),
  { maxLength: 4 },
);
/** Well-formed ones, in records of any size. */
const hello = fc
  .tuple(others, hostname, others, fc.integer({ min: 16, max: 400 }))
  .map(([before, host, after, most]) => ({ host, bytes: records(clientHello([...before, serverName(host), ...after]), most) }));

test('a ClientHello gives the same name, however it is split into records and packets', () => {
  fc.assert(
    fc.property(hello, fc.uint8Array({ maxLength: 20 }), ({ host, bytes }, tail) => {
      for (let length = 0; length < bytes.length; length += 1) {
        assert.equal(readOpening(bytes.subarray(0, length)).kind, 'more', `after ${length} bytes`);
      }
      assert.deepEqual(readOpening(Buffer.concat([bytes, tail])), { kind: 'tls', hello: { serverName: host.toLowerCase() } });
    }),
    { numRuns: 60 },
  );
});

test('whatever the bytes are, more of them never change an answer, and nothing is asked for without end', () => {
  const damaged = fc
    .tuple(hello, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }))
    .map(([{ bytes }, changes]) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return copy;
    });
  const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([Buffer.from([22, 3, 1]), bytes]));
  fc.assert(
    fc.property(fc.oneof(damaged, noise), (bytes) => {
      let settled: unknown;
      for (let length = 0; length <= bytes.length; length += 1) {
        const opening = readOpening(bytes.subarray(0, length));
        if (settled !== undefined) assert.deepEqual(opening, settled, `after ${length} bytes`);
        else if (opening.kind !== 'more') settled = opening;
      }
      const endless = Buffer.concat([bytes, Buffer.alloc(64 * 1024, 22)]);
      assert.notEqual(readOpening(endless).kind, 'more');
    }),
    { numRuns: 200 },
  );
});
