import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CallEvent } from '../../../src/audit/audit.ts';
import { replay, type Replay } from '../../../src/review/replay.ts';
import { benchOf, called, logOf } from '../../support/logged-calls.ts';

async function replayed(policy: string, events: readonly CallEvent[], origin?: string): Promise<Replay> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-replay-'));
  writeFileSync(join(folder.path, 'a.cedar'), policy);
  return replay(benchOf(folder.path), logOf(events, origin));
}

const changes = ({ changes: found }: Replay) => found.map(({ from, to, calls, after }) => `${calls} ${from} ${to} ${after.join()}`);
const all = '@id("all") permit (principal, action, resource);';
const read = called('multi read /x');
const search = called('kb call_tool search', { method: 'POST' });

test('who opened a task is read from the log, and what an agent opened itself is not taken for an orchestrator’s', async () => {
  const guarded = `${all} @id("own") forbid (principal, action, resource) when { context.task.origin == "self_declared" || !context.task.attested };`;
  assert.deepEqual(changes(await replayed(guarded, [read], 'orchestrator')), []);
  assert.deepEqual(changes(await replayed(guarded, [read], 'self_declared')), ['1 allow deny own']);
  const nobody = { ...read, task: 'task_2' };
  assert.deepEqual((await replayed(guarded, [nobody])).untold, ['context.task.attested', 'context.task.origin']);
});

test('what wanted a yes and still does has not changed, whether it got one or not', async () => {
  const asks = '@id("asks") @approval permit (principal, action, resource);';
  const got = { ...read, approval: 'approval_1' };
  const lacked = { ...read, decision: 'deny', code: 'approval_required' } as const;
  assert.deepEqual(changes(await replayed(asks, [got, lacked])), []);
  assert.deepEqual(changes(await replayed(asks, [read])), ['1 allow approval asks']);
  assert.deepEqual(changes(await replayed(all, [got])), ['1 approval allow all']);
});

test('a policy that is tried out counts as in force', async () => {
  const tried = `${all} @id("new") @observe("2099-01-01") forbid (principal, action in Action::"read", resource);`;
  assert.deepEqual(changes(await replayed(tried, [read])), ['1 allow deny new']);
});

test('only where policies read what the log does not hold is a decision uncertain', async () => {
  const events = [read, { ...read, query: ['q'] }, search];
  assert.equal((await replayed(all, events)).uncertain, 0);
  const names = `${all} forbid (principal, action, resource) when { context.http.query.names.contains("q") };`;
  const { uncertain, changes: found } = await replayed(names, events);
  assert.deepEqual([uncertain, found.length, found[0]?.uncertain], [0, 1, false]);
  const values = `${all} forbid (principal, action, resource) when { context.http.query.pairs.contains("q=1") };`;
  const unsure = await replayed(values, events);
  assert.deepEqual([unsure.uncertain, unsure.untold], [1, ['context.http.query.pairs']]);
});

test('what the audit kept of a model call is used', async () => {
  const streams = `${all} @id("no streams") forbid (principal, action == Action::"infer", resource) when { context.llm.streaming };`;
  const infer = called('model infer small', { method: 'POST', path: '/v1/chat/completions' });
  assert.deepEqual((await replayed(streams, [infer])).untold, ['context.llm.streaming']);
  const told = await replayed(streams, [{ ...infer, inputs: { 'context.llm.streaming': true } }]);
  assert.deepEqual([changes(told), told.uncertain], [['1 allow deny no streams'], 0]);
});

test('calls are read anew by the templates of the configuration', async () => {
  const issues = '@id("issues") permit (principal, action, resource == Endpoint::"github /repos/{owner}/{repo}/issues");';
  assert.deepEqual(changes(await replayed(issues, [called('github read /repos/a/b/issues')])), []);
});

test('calls that the configuration would not take are counted apart', async () => {
  const gone = [called('gone read /x'), { ...read, host: 'z.example.com' }, called('kb read /x'), { ...read, intent: 'gone' }];
  assert.deepEqual(await replayed(all, gone), { calls: 4, unchanged: 0, changes: [], unknown: 4, uncertain: 0, untold: [] });
});
