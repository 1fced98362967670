import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loggedCall } from '../../src/review/logged.ts';
import { suggest } from '../../src/review/suggest.ts';
import { benchOf, called, logOf } from '../support/logged-calls.ts';
import { fc } from '../support/fast-check.ts';

const text = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc.constantFrom('"', '\\', '\n// ', '*', '\ud800', '};\npermit (principal, action, resource);', '…'),
);
const event = fc.oneof(
  fc.record({ name: text, agent: text }).map(({ name, agent }) => called(`kb call_tool ${name}`, { method: 'POST', agent })),
  fc.record({ name: text }).map(({ name }) => called(`kb read_resource ${name}`, { method: 'POST' })),
  fc.record({ name: text }).map(({ name }) => called(`model infer ${name}`, { method: 'POST', path: '/v1/messages' })),
  fc
    .record({ path: text, names: fc.array(text, { maxLength: 3 }) })
    .map(({ path, names }) => called(`multi read /${path}`, { query: names })),
);

test('whatever agents have named, what is suggested can be loaded, lets go what was seen and not left out, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 6 }), fc.array(event, { maxLength: 6 }), async (seen, others) => {
      using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-suggested-'));
      const log = logOf(seen);
      const found = suggest(benchOf(folder.path), log, { denied: false, mint: false, anyAgent: false, anyQuery: false });
      writeFileSync(join(folder.path, 'a.cedar'), found.text);
      const bench = benchOf(folder.path);
      const decided = async (each: (typeof seen)[number]) => {
        const logged = loggedCall(bench, each, log.origins);
        return logged === undefined ? 'unknown' : (await bench.decide(logged.request)).decision;
      };
      const decisions = await Promise.all(seen.map(decided));
      const left = Object.values(found.left).reduce((sum, calls) => sum + calls, 0);
      assert.equal(decisions.filter((decision) => decision !== 'allow').length, left);
      const names = new Set(seen.map(({ operation }) => operation?.toWellFormed()));
      for (const each of others) if (!names.has(each.operation?.toWellFormed())) assert.equal(await decided(each), 'deny');
    }),
    { numRuns: 40 },
  );
});
