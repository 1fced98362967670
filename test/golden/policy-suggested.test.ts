import assert from 'node:assert/strict';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { suggest } from '../../src/review/suggest.ts';
import { benchOf, called, logOf } from '../support/logged-calls.ts';

const golden = new URL('policy/suggested.cedar', import.meta.url);
const issues = (method: string) => called('github read /repos/{owner}/{repo}/issues', { path: '/repos/acme/app/issues', method });

test('the policies that a log suggests (UPDATE_GOLDEN=1 writes them)', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-suggested-'));
  const seen = [
    ...[issues('GET'), issues('GET'), issues('HEAD')].map((event) => ({ ...event, query: ['page', 'state'] })),
    called('multi write /orders/7', { method: 'PUT', host: 'b.example.com', decision: 'would_deny', policies: [] }),
    called('multi write /orders/8', { method: 'PUT', host: 'x.c.example.com' }),
    called('multi write /orders/9', { method: 'PUT', host: 'b.example.com' }),
    called('multi mint /api_keys', { method: 'POST', approval: 'approval_1' }),
    called('kb call_tool search', { method: 'POST' }),
    called('kb call_tool read "all"', { method: 'POST' }),
    called('model infer small', { method: 'POST', path: '/v1/chat/completions' }),
  ];
  const { text, templates, left } = suggest(benchOf(folder.path), logOf(seen), {
    denied: false,
    mint: true,
    anyAgent: false,
    anyQuery: false,
  });
  assert.deepEqual([[...templates], left], [[['multi', ['/orders/{order}']]], {}]);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text);
  assert.equal(text, readFileSync(golden, 'utf8'));
});
