import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decisionOf, type Said } from '../../../src/policy/engine-answer.ts';
import { policyOf, type Answer } from '../../../src/policy/engine-policy.ts';
import { evaluationOf, keyOf, type Evaluation } from '../../../src/policy/evaluation.ts';
import { decideAll } from '../../../src/policy/policy.ts';
import { vocabularyOf } from '../../../src/policy/schema.ts';
import { fc } from '../../support/fast-check.ts';
import { accessRequest, destinations, intents } from '../../support/policy.ts';

const { attributes } = vocabularyOf(destinations, Object.keys(intents));
const mint = accessRequest({ method: 'POST', group: 'mint', path: '/repos/acme/app/keys' });

test('an engine is told who, what, where and in which task, in the words of AuthZEN', () => {
  const request = accessRequest({ template: '/repos/{owner}/{repo}/issues', parameters: { owner: 'acme', repo: 'app' }, query: '?a=1' });
  assert.deepEqual(evaluationOf(request, attributes), {
    subject: {
      type: 'agent',
      id: 'local:dev@laptop',
      properties: { issuer: 'local', subject: 'dev@laptop', kind: 'local' },
    },
    action: { name: 'GET', properties: { group: 'read' } },
    resource: {
      type: 'endpoint',
      id: 'github /repos/{owner}/{repo}/issues',
      properties: { destination: 'github', name: '/repos/{owner}/{repo}/issues', template: '/repos/{owner}/{repo}/issues' },
    },
    context: {
      task: { id: 'task_1', intent: 'triage', attested: true, planned: true, origin: 'orchestrator' },
      http: {
        method: 'GET',
        host: 'api.github.com',
        path: '/repos/acme/app/issues',
        query: { text: 'a=1', names: ['a'], pairs: ['a=1'] },
        parameters: { owner: 'acme', repo: 'app' },
      },
      time: '2026-06-01T00:00:00.000Z',
    },
  });
});

test('arguments of a tool arrive as the types that they have', () => {
  const given = { q: 'x', limit: 3, strict: true, tags: ['a'], ids: [1, 2], ratio: 1.5 };
  const { action, resource, context } = evaluationOf(accessRequest({ tool: 'search', arguments: given }), attributes);
  assert.deepEqual([action.name, action.properties['group'], resource.type, resource.id], ['call_tool', 'write', 'tool', 'kb search']);
  assert.deepEqual((context['mcp'] as Said)['arguments'], given);
});

test('every attribute that the table has for a call reaches the engine', () => {
  const roots = { principal: 'subject', resource: 'resource' } as const;
  for (const request of [accessRequest(), accessRequest({ tool: 'search', arguments: { q: 'x' } }), mint]) {
    const evaluation = evaluationOf(request, attributes);
    for (const { path, read, actions } of attributes.map((each) => ({ ...each, read: each.read.bind(each) }))) {
      if (read(request) === undefined || actions?.has(evaluation.action.name) === false) continue;
      const [root = '', ...names] = path;
      const record = root === 'context' ? evaluation.context : evaluation[roots[root as 'principal']].properties;
      const found = names.reduce<unknown>((inside, name) => (inside as Said)[name], record);
      assert.notEqual(found, undefined, path.join('.'));
    }
  }
});

test('a list is asked for as one, apart from the call itself', () => {
  const call = evaluationOf(accessRequest({ tool: 'search' }), attributes);
  const list = evaluationOf({ ...accessRequest({ tool: 'search' }), listing: true }, attributes);
  assert.equal(list.context['listing'], true);
  assert.notEqual(keyOf(call), keyOf(list));
});

test('nothing but true allows', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      assert.equal(decisionOf(accessRequest(), value, {}).allow, value === true);
    }),
  );
});

test('what creates standing access needs a yes that names it', () => {
  assert.equal(decisionOf(mint, true, {}).allow, false);
  assert.equal(decisionOf(mint, true, { mint: 'true' }).allow, false);
  assert.equal(decisionOf(mint, true, { mint: true }).allow, true);
  assert.equal(decisionOf(mint, false, { mint: true }).allow, false);
});

function withObligations(obligations: unknown) {
  return decisionOf(accessRequest(), true, { obligations, policies: ['writes'] });
}

test('an obligation to ask someone is the one that is known; any other denies', () => {
  assert.deepEqual(withObligations([{ type: 'approval', id: 'refunds' }]), {
    allow: true,
    policies: ['writes'],
    approval: { rule: 'refunds' },
  });
  assert.deepEqual(withObligations([{ type: 'approval' }]).approval, { rule: 'writes' });
  assert.equal(withObligations([]).allow, true);
  for (const unknown of [
    [{ type: 'step_up' }],
    [{ type: 'approval' }, { type: 'notify' }],
    [{}],
    ['approval'],
    'approval',
    { type: 'approval' },
  ])
    assert.ok(withObligations(unknown).error !== undefined && !withObligations(unknown).allow);
});

test('what an engine says of itself is kept short, and as text', () => {
  const { policies, id } = decisionOf(accessRequest(), false, { policies: ['a', 1, 'x'.repeat(1000), ''], id: '\ud800' });
  assert.deepEqual([policies.map((each) => each.length), id], [[1, 128], '\ufffd']);
});

interface Asked {
  readonly asked: Evaluation[];
  readonly policy: ReturnType<typeof policyOf>;
  now: number;
}

function policyAnswering(
  answer: (evaluation: Evaluation) => Answer,
  options: { readonly cacheMs?: number; readonly batch?: boolean } = {},
): Asked {
  const asked: Evaluation[] = [];
  const ask = (evaluation: Evaluation) => {
    asked.push(evaluation);
    return answer(evaluation);
  };
  const world: Asked = {
    asked,
    now: 1000,
    policy: policyOf(
      { ask, ...(options.batch === true && { askAll: async (all) => all.map(ask) }) },
      { attributes, warnings: [], digest: 'd', now: () => world.now, ...(options.cacheMs !== undefined && { cacheMs: options.cacheMs }) },
    ),
  };
  return world;
}

test('without a time to keep them, every call is asked for', () => {
  const world = policyAnswering(() => ({ allow: true, said: {} }));
  void world.policy.decide(accessRequest());
  void world.policy.decide(accessRequest());
  assert.equal(world.asked.length, 2);
});

test('an allow is kept for as long as configured, for a call that differs in nothing but the time', () => {
  const world = policyAnswering(() => ({ allow: true, said: {} }), { cacheMs: 100 });
  void world.policy.decide(accessRequest());
  void world.policy.decide(accessRequest({ time: '2026-06-02' }));
  assert.deepEqual([world.asked.length, world.policy.counts.cached], [1, 1]);
  for (const words of [
    { query: '?a=1' },
    { task: { id: 'task_2' } },
    { planned: false },
    { intent: 'report' },
    { principal: { id: 'local:x' } },
    { method: 'HEAD' },
  ])
    void world.policy.decide(accessRequest(words));
  assert.equal(world.asked.length, 7);
  world.now += 100;
  void world.policy.decide(accessRequest());
  assert.equal(world.asked.length, 8);
});

test('denials, failures, and what someone must be asked for are never kept', () => {
  const answers: Answer[] = [
    { allow: false, said: {} },
    { allow: 'true', said: {} },
    { allow: true, said: { obligations: [{ type: 'approval' }] } },
    { allow: true, said: { ttl_ms: 0 } },
    { allow: true, said: { ttl_ms: '1h' } },
  ];
  for (const answer of answers) {
    const world = policyAnswering(() => answer, { cacheMs: 100 });
    void world.policy.decide(accessRequest());
    void world.policy.decide(accessRequest());
    assert.equal(world.asked.length, 2, JSON.stringify(answer));
  }
});

test('the engine may say that an allow is kept for less, never for more', () => {
  for (const [ttl, elapsed, asked] of [
    [50, 49, 1],
    [50, 50, 2],
    [500, 100, 2],
  ] as const) {
    const world = policyAnswering(() => ({ allow: true, said: { ttl_ms: ttl } }), { cacheMs: 100 });
    void world.policy.decide(accessRequest());
    world.now += elapsed;
    void world.policy.decide(accessRequest());
    assert.equal(world.asked.length, asked, `${ttl} after ${elapsed}`);
  }
});

test('an explanation is never from what was kept', async () => {
  const world = policyAnswering(() => ({ allow: true, said: { policies: ['reads'] } }), { cacheMs: 100 });
  void world.policy.decide(accessRequest());
  assert.deepEqual((await world.policy.explain(accessRequest())).policies, [{ id: 'reads' }]);
  assert.equal(world.asked.length, 2);
});

test('many at once are decided in order, whether the engine takes them together or not', async () => {
  const requests = ['GET', 'BREW', 'POST', 'HEAD'].map((method) => accessRequest({ method }));
  for (const batch of [true, false]) {
    const world = policyAnswering(({ action }) => ({ allow: action.properties['group'] === 'read', said: {} }), { batch, cacheMs: 100 });
    void world.policy.decide(accessRequest());
    const decisions = await decideAll(world.policy, requests);
    assert.deepEqual(
      decisions.map(({ allow }) => allow),
      [true, false, false, true],
    );
    assert.equal(world.asked.length, 3);
  }
});

function nobody(): never {
  assert.fail('asked one by one');
}

test('a batch that fails, or leaves answers out, denies what it was asked for', async () => {
  const requests = [accessRequest(), accessRequest({ method: 'HEAD' })];
  const options = { attributes, warnings: [], digest: 'd' };
  const failing = policyOf({ ask: nobody, askAll: async () => Promise.reject(new Error('gone')) }, options);
  assert.deepEqual(
    (await decideAll(failing, requests)).map(({ error }) => error),
    ['gone', 'gone'],
  );
  const short = policyOf({ ask: nobody, askAll: async () => [{ allow: true, said: {} }] }, options);
  assert.deepEqual(
    (await decideAll(short, requests)).map(({ allow }) => allow),
    [true, false],
  );
});
