import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReloader, type ReloadResult } from '../../../src/config/reload.ts';

/** A reloader over numbers: odd inputs cannot be built. What happens is told in `story`. */
function fixture(inputs: readonly (number | Error)[]) {
  const story: string[] = [];
  let next = 0;
  const running = { graph: 'first' };
  const reloader = createReloader<number, string>({
    async load() {
      const input = inputs[next] ?? 0;
      next += 1;
      story.push(`load ${String(input)}`);
      await Promise.resolve();
      if (input instanceof Error) throw input;
      return input;
    },
    async build(input) {
      await Promise.resolve();
      story.push(`build ${input}`);
      if (input % 2 === 1) throw new Error(`${input} is odd`);
      return `graph ${input}`;
    },
    swap(graph) {
      running.graph = graph;
      story.push(`swap ${graph}`);
    },
    report: (result: ReloadResult, cause) => story.push(result.reloaded ? `reported ${cause}` : `reported ${cause}: ${result.reason}`),
  });
  return { reloader, story, running, [Symbol.asyncDispose]: () => reloader[Symbol.asyncDispose]() };
}

test('the new graph is built whole before it takes the place of the old one', async () => {
  await using at = fixture([2]);
  assert.deepEqual(await at.reloader.reload('signal'), { reloaded: true });
  assert.deepEqual(at.story, ['load 2', 'build 2', 'swap graph 2', 'reported signal']);
});

test('a configuration that cannot be read or built keeps the old graph and says why', async () => {
  await using at = fixture([new Error('line 3: unknown key'), 3, 4]);
  assert.deepEqual(await at.reloader.reload('operator'), { reloaded: false, reason: 'line 3: unknown key' });
  assert.deepEqual(await at.reloader.reload('operator'), { reloaded: false, reason: '3 is odd' });
  assert.equal(at.running.graph, 'first');
  assert.deepEqual(await at.reloader.reload('operator'), { reloaded: true });
  assert.equal(at.running.graph, 'graph 4');
});

test('reloads run one after the other, and those that wait are one', async () => {
  await using at = fixture([2, 4, 6]);
  const first = at.reloader.reload('signal');
  await Promise.resolve();
  await Promise.resolve();
  const results = await Promise.all([first, at.reloader.reload('operator'), at.reloader.reload('watch')]);
  assert.deepEqual(results, [{ reloaded: true }, { reloaded: true }, { reloaded: true }]);
  assert.deepEqual(at.story, [
    'load 2',
    'build 2',
    'swap graph 2',
    'reported signal',
    'load 4',
    'build 4',
    'swap graph 4',
    'reported operator',
  ]);
});

test('after the end nothing is swapped any more', async () => {
  const at = fixture([2]);
  await at.reloader[Symbol.asyncDispose]();
  assert.equal((await at.reloader.reload('signal')).reloaded, false);
  assert.deepEqual(at.story, []);
});
