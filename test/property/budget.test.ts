import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fc } from '../support/fast-check.ts';
import { isRefusal } from '../../src/errors.ts';
import { blockOf } from '../../src/tasks/budget.ts';
import { createCallWindow, type WindowRecord } from '../../src/tasks/window.ts';
import { startTasks } from '../support/tasks.ts';

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('calls' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'crash' as const, 'clean' as const) }) },
);

test('whatever runs at once and whenever the process dies, a task never makes more calls than its budget', async () => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 60 }), fc.array(step, { maxLength: 25 }), async (budget, steps) => {
    await using fixture = await startTasks({ intents: { read: { description: 'Read', destinations: ['github'] } } });
    const { task } = fixture.open({ intent: 'read', calls: budget });
    let made = 0;
    let crashes = 0;
    for (const each of steps) {
      switch (each.do) {
        case 'calls': {
          const answers = await Promise.all(
            Array.from({ length: each.count }, async () => {
              await Promise.resolve();
              const again = fixture.tasks.get(task.id);
              assert(again !== undefined);
              return fixture.call(again);
            }),
          );
          made += answers.filter((answer) => !isRefusal(answer)).length;
          break;
        }
        case 'turn':
          await turn();
          break;
        default:
          await fixture.restart(each.do);
          crashes += each.do === 'crash' ? 1 : 0;
      }
      assert(made <= budget, `${made} of ${budget}`);
    }
    // What crashes cost is bound as well, and without one nothing is lost.
    const left = fixture.tasks.report(task.id)?.calls.left ?? Number.NaN;
    const lost = budget - made - left;
    assert(lost >= 0 && lost <= crashes * 2 * blockOf(budget), `${lost} lost in ${crashes} crashes`);
  });
  await fc.assert(property, { numRuns: 25 });
});

const windowStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('calls' as const), count: fc.integer({ min: 1, max: 10 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 * 60_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'crash' as const, 'clean' as const) }) },
);

test('in no 60 minutes does an agent make more calls of its own than its ceiling, and after an hour of rest all are there again', async () => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.array(windowStep, { maxLength: 60 }), async (limit, steps) => {
    let now = 1_000_000_000_000;
    let saved: WindowRecord | undefined;
    const save = (record: WindowRecord): void => {
      saved = structuredClone(record);
    };
    const open = () => createCallWindow({ limit: () => limit, saved, save, clock: () => now });
    let window = open();
    const calls: number[] = [];
    const makeAll = (count: number): void => {
      for (let index = 0; index < count && window.left() > 0; index += 1) {
        window.take();
        calls.push(now);
      }
    };
    for (const each of steps) {
      switch (each.do) {
        case 'calls':
          makeAll(each.count);
          break;
        case 'wait':
          now += each.ms;
          break;
        case 'turn':
          await turn();
          break;
        default:
          // Either way the old one writes no more: it is closed, or its process is gone.
          if (each.do === 'clean') window.close();
          else createDead(window, () => saved, save);
          window = open();
      }
      assert(calls.filter((at) => at > now - 3_600_000).length <= limit);
    }
    const waitS = window.retryAfterS();
    assert(waitS <= 3660);
    now += 61 * 60_000;
    assert.equal(window.left(), limit);
    window.close();
  });
  await fc.assert(property, { numRuns: 150 });
});

/** Closing stops what is scheduled; what it writes is undone, as a dead process writes nothing. */
function createDead(window: { close(): void }, saved: () => WindowRecord | undefined, save: (record: WindowRecord) => void): void {
  const before = saved();
  window.close();
  if (before !== undefined) save(before);
}
