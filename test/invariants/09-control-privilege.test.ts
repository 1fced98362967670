import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlOf, type Ask } from '../support/control.ts';
import { startTestSidecar } from '../support/sidecar.ts';

const destinations = { api: { hosts: ['https://api.example.com'] }, other: { hosts: ['https://other.example.com'] } };
const intents = {
  work: { description: 'Work', destinations: ['api'], max_ttl: '10m', budget: { calls: 5 } },
  more: { description: 'More', destinations: ['api', 'other'] },
};

async function open(ask: Ask, body: object = { intent: 'work' }): Promise<{ id: string; credential: string }> {
  const { status, body: answer } = await ask('POST', '/v1/tasks', body);
  assert.equal(status, 201, JSON.stringify(answer));
  return answer as { id: string; credential: string };
}

const world = (tasks: object = { self_declared: { max_open: 3 } }) => startTestSidecar({ destinations, intents, tasks });

test('the agent cannot attest its intent: what it opens is never attested, whatever it sends', async () => {
  await using exeat = await world();
  const agent = controlOf(exeat, 'agent');
  for (const extra of [
    { attested: true },
    { origin: 'orchestrator' },
    { grant: 'x' },
    { subject: 'alice' },
    { agent: 'someone' },
    { parent: 'x' },
  ]) {
    const answer = await agent('POST', '/v1/tasks', { intent: 'work', ...extra });
    assert.deepEqual([answer.status, answer.body['code']], [400, 'invalid_input'], JSON.stringify(extra));
  }
  const { id } = await open(agent, { intent: 'work', ttl: '24h', budget: { calls: 1_000_000 } });
  const { body } = await agent('GET', `/v1/tasks/${id}`);
  assert.deepEqual([body['attested'], body['origin'], (body['calls'] as { budget: number }).budget], [false, 'self_declared', 5]);
  assert(Date.parse(String(body['expires_at'])) - Date.parse(String(body['opened_at'])) <= 600_000);
});

test('without leave the agent opens no task at all, and a task credential never opens another', async () => {
  await using exeat = await world({});
  assert.equal((await controlOf(exeat, 'agent')('POST', '/v1/tasks', { intent: 'work' })).body['code'], 'self_declared_refused');
  const { credential } = await open(controlOf(exeat, 'orchestrator'));
  assert.equal((await controlOf(exeat, { token: credential })('POST', '/v1/tasks', { intent: 'work' })).status, 403);
});

test('the agent can neither pause, resume, revoke, allow nor reload', async () => {
  await using exeat = await world();
  const agent = controlOf(exeat, 'agent');
  const { id, credential } = await open(agent);
  for (const ask of [agent, controlOf(exeat, { token: credential })]) {
    for (const path of [`/v1/tasks/${id}/pause`, `/v1/tasks/${id}/resume`, `/v1/tasks/${id}/revoke`, '/v1/agents/allow', '/v1/reload']) {
      const { status, body } = await ask('POST', path);
      assert.deepEqual([status, body['code']], [403, 'forbidden'], path);
    }
  }
  const { status } = await controlOf(exeat, 'orchestrator')('POST', '/v1/reload');
  assert.equal(status, 403, 'neither can an orchestrator reload');
});

test("the agent sees and ends its own tasks only: another's is, to it, not there", async () => {
  await using exeat = await world();
  const agent = controlOf(exeat, 'agent');
  const own = await open(agent);
  const [mine, foreign] = [await open(controlOf(exeat, 'orchestrator')), await open(controlOf(exeat, 'orchestrator'))];
  const holder = controlOf(exeat, { token: mine.credential });
  const cases: [Ask, string, string[]][] = [
    [agent, own.id, [mine.id, foreign.id, 'task_0']],
    [holder, mine.id, [own.id, foreign.id, 'task_0']],
  ];
  for (const [ask, visible, hidden] of cases) {
    const listed = (await ask('GET', '/v1/tasks')).body['tasks'] as { id: string }[];
    assert.deepEqual(
      listed.map(({ id }) => id),
      [visible],
    );
    for (const id of hidden) {
      assert.equal((await ask('GET', `/v1/tasks/${id}`)).body['code'], 'not_found');
      assert.equal((await ask('POST', `/v1/tasks/${id}/complete`)).body['code'], 'not_found');
      const explain = { task: id, method: 'GET', url: 'https://api.example.com/' };
      assert.equal((await ask('POST', '/v1/explain', explain)).body['code'], 'not_found');
    }
    assert.equal((await ask('POST', `/v1/tasks/${visible}/complete`)).body['state'], 'completed');
    assert.equal((await ask('GET', `/v1/tasks/${visible}`)).body['ended_by'], 'agent');
  }
  assert.equal(exeat.sidecar.tasks.isOpen(foreign.id), true);
});

test('a revoked agent stays shut out, also after it has spent its tokens on everything it can ask for', async () => {
  await using exeat = await world();
  const agent = controlOf(exeat, 'agent');
  const { id } = await open(agent);
  const orchestrator = controlOf(exeat, 'orchestrator');
  await orchestrator('POST', `/v1/tasks/${id}/revoke`);
  assert.equal((await agent('POST', '/v1/tasks', { intent: 'work' })).body['code'], 'self_declared_refused');
  await agent('POST', '/v1/agents/allow');
  assert.equal((await agent('POST', '/v1/tasks', { intent: 'work' })).body['code'], 'self_declared_refused');
  assert.deepEqual((await orchestrator('POST', '/v1/agents/allow')).body, { allowed: true });
  await open(agent);
});

test('the agent cannot lift a pause: ending the paused task with its token, or with that of the task, opens the way to no other', async () => {
  await using exeat = await world();
  const agent = controlOf(exeat, 'agent');
  const operator = controlOf(exeat, 'operator');
  for (const holder of ['agent', 'task']) {
    const { id, credential } = await open(agent);
    await operator('POST', `/v1/tasks/${id}/pause`);
    assert.equal((await agent('POST', '/v1/tasks', { intent: 'work' })).body['code'], 'self_declared_refused');
    const ask = holder === 'agent' ? agent : controlOf(exeat, { token: credential });
    assert.equal((await ask('POST', `/v1/tasks/${id}/complete`)).body['state'], 'completed', 'ending is never refused');
    assert.equal((await agent('POST', '/v1/tasks', { intent: 'work' })).body['code'], 'self_declared_refused', holder);
    await operator('POST', '/v1/agents/allow');
  }
});

test('an agent cannot fill the disk by asking for tasks: so many a minute are looked at', async () => {
  await using exeat = await world();
  const agent = controlOf(exeat, 'agent');
  const codes = [];
  for (let index = 0; index < 70; index += 1) codes.push((await agent('POST', '/v1/tasks', { intent: 'nothing' })).body['code']);
  assert.equal(codes.filter((code) => code === 'intent_unknown').length, 60);
  assert.equal(codes.at(-1), 'rate_limited');
  assert.equal(exeat.allEvents().filter((event) => event['kind'] === 'task.refused').length <= 60, true);
});
