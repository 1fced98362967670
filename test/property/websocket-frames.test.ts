import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/fast-check.ts';
import { closeFrame, FrameTracker } from '../../src/egress/frames.ts';

interface Frame {
  readonly opcode: number;
  readonly masked: boolean;
  readonly length: number;
  /** How the length is written, if not in the shortest way. */
  readonly form: 7 | 16 | 64;
}

const frame: fc.Arbitrary<Frame> = fc.record({
  opcode: fc.constantFrom(0, 1, 2, 9, 10),
  masked: fc.boolean(),
  length: fc.oneof(fc.nat(125), fc.integer({ min: 126, max: 700 }), fc.constantFrom(0, 125, 126, 65_535, 65_536, 70_000)),
  form: fc.constantFrom(7, 16, 64),
});
const frames = fc.array(frame, { maxLength: 6 });
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

test('any split of the same frames stands at the same boundaries', () => {
  fc.assert(
    fc.property(frames, cuts, (sent, where) => {
      const { octets, boundaries } = written(sent);
      const tracker = new FrameTracker();
      let at = 0;
      for (const end of [...where.map((share) => Math.floor(share * octets.length)), octets.length].toSorted((a, b) => a - b)) {
        assert.equal(tracker.take(octets.subarray(at, end)), end - at);
        assert.equal(tracker.atBoundary, boundaries.has(end), `after ${end} of ${octets.length}`);
        at = end;
      }
      assert.equal(tracker.closing, false);
    }),
  );
});

test('what remains of a frame is taken up to its end and no further, however it is split', () => {
  fc.assert(
    fc.property(frame, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.nat(40), (first, share, more) => {
      const { octets } = written([first]);
      const begun = Math.max(1, Math.floor(share * octets.length));
      const tracker = new FrameTracker();
      tracker.take(octets.subarray(0, begun));
      const rest = Buffer.concat([octets.subarray(begun), Buffer.alloc(more, 0x81)]);
      const half = Math.floor(rest.length / 2);
      const taken = tracker.take(rest.subarray(0, half), true) + tracker.take(rest.subarray(half), true);
      assert.equal(taken, octets.length - begun);
      assert.equal(tracker.atBoundary, true);
    }),
  );
});

test('a Close frame of ours is one whole frame, after which nothing may follow', () => {
  fc.assert(
    fc.property(fc.constantFrom(1001, 1008), fc.stringMatching(/^[a-z_]{0,40}$/), fc.boolean(), (code, reason, masked) => {
      const octets = closeFrame(code, { reason, masked });
      const tracker = new FrameTracker();
      assert.equal(tracker.take(octets.subarray(0, 1)), 1);
      assert.equal(tracker.closing, true);
      assert.equal(tracker.take(octets.subarray(1), true), octets.length - 1);
      assert.equal(tracker.atBoundary, true);
      const payload = masked ? octets.subarray(6).map((octet, index) => octet ^ (octets[2 + (index % 4)] ?? 0)) : octets.subarray(2);
      assert.equal(Buffer.from(payload).readUInt16BE(), code);
      assert.equal(Buffer.from(payload).toString('latin1', 2), reason);
    }),
  );
});

function written(sent: readonly Frame[]): { octets: Buffer; boundaries: ReadonlySet<number> } {
  const boundaries = new Set([0]);
  let octets = Buffer.alloc(0);
  for (const each of sent) {
    octets = Buffer.concat([octets, octetsOf(each)]);
    boundaries.add(octets.length);
  }
  return { octets, boundaries };
}

function octetsOf({ opcode, masked, length, form }: Frame): Buffer {
  const needed = length < 126 ? 7 : length < 65_536 ? 16 : 64;
  const bits = Math.max(form, needed);
  const extended = Buffer.alloc(bits === 7 ? 0 : bits / 8);
  if (bits === 16) extended.writeUInt16BE(length);
  if (bits === 64) extended.writeBigUInt64BE(BigInt(length));
  const short = bits === 7 ? length : bits === 16 ? 126 : 127;
  const head = Buffer.of(0x80 | opcode, (masked ? 0x80 : 0) | short);
  // Payload and mask that look like headers of other frames.
  return Buffer.concat([head, extended, Buffer.alloc(masked ? 4 : 0, 0x88), Buffer.alloc(length, 0x81)]);
}
