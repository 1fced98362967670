import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create, type CedarPolicy } from '../../src/policy/cedar.ts';
import { accessRequest, destinations, intents } from '../support/policy.ts';
import { fc } from '../support/fast-check.ts';

const policy = fc.record({
  effect: fc.constantFrom('permit', 'forbid'),
  action: fc.constantFrom(
    'action',
    'action in Action::"read"',
    'action in Action::"write"',
    'action == Action::"mint"',
    'action == Action::"GET"',
  ),
  tried: fc.boolean(),
  asks: fc.boolean(),
});
const requests = [
  accessRequest(),
  accessRequest({ method: 'POST' }),
  accessRequest({ method: 'POST', group: 'mint' }),
  accessRequest({ tool: 'search', arguments: { q: 'a' } }),
].map((request) => ({ ...request, time: Date.UTC(2026, 0) }));

function loaded(lines: readonly string[]): CedarPolicy {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-trials-'));
  writeFileSync(join(folder.path, 'a.cedar'), lines.join('\n'));
  return create({ engine: 'cedar', directory: folder.path }, { destinations, intents });
}

test('what is tried out changes nothing but what is marked, and never what creates standing access for the wider', () => {
  fc.assert(
    fc.property(fc.array(policy, { minLength: 1, maxLength: 5 }), (policies) => {
      const lineOf = ({ effect, action, tried, asks }: (typeof policies)[number], index: number, dated: boolean): string =>
        `@id("p${index}") ${tried && dated ? '@observe("2099-01-01")' : ''} ${asks && effect === 'permit' ? '@approval' : ''} ${effect} (principal, ${action}, resource);`;
      const tried = loaded(policies.map((each, index) => lineOf(each, index, true)));
      const all = loaded(policies.map((each, index) => lineOf(each, index, false)));
      const rest = loaded(policies.flatMap((each, index) => (each.tried ? [] : [lineOf(each, index, false)])));
      for (const request of requests) {
        const { trial, ...decision } = tried.decide(request);
        const [whole, without] = [all.decide(request), rest.decide(request)];
        assert.deepEqual(decision, request.operation.group === 'mint' && !whole.allow && without.allow ? whole : without);
        assert.deepEqual(trial, decision.allow === whole.allow ? undefined : { allow: whole.allow, policies: whole.policies });
        assert.deepEqual(tried.explain(request).decision, tried.decide(request));
        if (request.operation.group === 'mint') assert.ok(!decision.allow || whole.allow);
      }
    }),
    { numRuns: 20 },
  );
});
