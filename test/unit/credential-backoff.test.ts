import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBackoff, pauseMs } from '../../src/credentials/backoff.ts';

function start() {
  const clock = { at: 1_000_000 };
  return { clock, backoff: createBackoff({ firstMs: 1000, longestMs: 60_000, turnMs: 15_000, now: () => clock.at }) };
}

test('Pauses double up to the longest, and half of each is chance', () => {
  for (const [times, full] of [
    [1, 1000],
    [2, 2000],
    [5, 16_000],
    [7, 60_000],
    [1000, 60_000],
  ] as const) {
    for (let draw = 0; draw < 50; draw += 1) {
      const pause = pauseMs(times, 1000, 60_000);
      assert.ok(pause >= full / 2 && pause <= full, `${pause} after ${times}`);
    }
  }
});

test('After a failure one caller goes when the time is over, the others wait for how it went', () => {
  const { clock, backoff } = start();
  assert.equal(backoff.enter(['a']), undefined);
  backoff.failed('a', clock.at);
  assert.equal(backoff.enter(['a']), 1);
  assert.equal(backoff.enter(['b']), undefined, 'others are not concerned');
  clock.at += 1001;
  assert.equal(backoff.enter(['a']), undefined);
  assert.equal(backoff.enter(['a']), 15);
  backoff.succeeded('a');
  assert.equal(backoff.enter(['a']), undefined);
});

test('Whoever must wait for one key takes no turn on the other', () => {
  const { clock, backoff } = start();
  backoff.failed('a', clock.at);
  backoff.failed('b', clock.at, 100);
  clock.at += 2000;
  assert.equal(backoff.enter(['a', 'b']), 98);
  assert.equal(backoff.enter(['a']), undefined);
});

test('Attempts that fail side by side count as one failure', () => {
  const { clock, backoff } = start();
  const since = clock.at;
  clock.at += 100;
  for (let call = 0; call < 100; call += 1) backoff.failed('a', since);
  clock.at += 1001;
  assert.equal(backoff.enter(['a']), undefined);
});

test('A wait that the peer asked for is kept, within an hour', () => {
  const { clock, backoff } = start();
  assert.equal(backoff.failed('a', clock.at, 120), 120);
  assert.equal(backoff.failed('b', clock.at, 1e9), 3600);
});
