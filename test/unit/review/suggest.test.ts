import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CallEvent } from '../../../src/audit/audit.ts';
import { loggedCall } from '../../../src/review/logged.ts';
import { suggest, type SuggestOptions } from '../../../src/review/suggest.ts';
import { benchOf, called, logOf } from '../../support/logged-calls.ts';

const folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-suggest-'));
after(() => folder[Symbol.dispose]());
const nothing = benchOf(folder.path);

function suggested(events: readonly CallEvent[], options: Partial<SuggestOptions> & { readonly origin?: string } = {}) {
  const { origin = 'orchestrator', ...more } = options;
  return suggest(nothing, logOf(events, origin), { denied: false, mint: false, anyAgent: false, anyQuery: false, ...more });
}

/** What the suggested policies alone make of calls. */
async function outcomes(text: string, events: readonly CallEvent[], origin = 'orchestrator'): Promise<string[]> {
  using policies = mkdtempDisposableSync(join(tmpdir(), 'exeat-suggested-'));
  writeFileSync(join(policies.path, 'suggested.cedar'), text);
  const bench = benchOf(policies.path);
  const { origins } = logOf([], origin);
  const found: string[] = [];
  for (const event of events) {
    const logged = loggedCall(bench, event, origins);
    found.push(logged === undefined ? 'unknown' : (await bench.decide(logged.request)).decision);
  }
  return found;
}

/** Each was seen; none of the others was. */
async function isExact(seen: readonly CallEvent[], others: readonly CallEvent[], options: Partial<SuggestOptions> = {}): Promise<void> {
  const { text, left } = suggested(seen, options);
  assert.deepEqual(left, {});
  assert.deepEqual(new Set(await outcomes(text, seen)), new Set(['allow']), text);
  assert.deepEqual(new Set(await outcomes(text, others)), new Set(['deny']), text);
}

const issues = '/repos/{owner}/{repo}/issues';
const read = called(`github read ${issues}`, { path: '/repos/acme/app/issues' });

test('what was seen is allowed, and no other agent, intent, method, path or name in a query', () =>
  isExact(
    [read, { ...read, query: ['page'] }],
    [
      { ...read, agent: 'https://issuer|other' },
      { ...read, intent: 'report' },
      { ...read, method: 'POST' },
      { ...read, path: '/repos/acme/app' },
      { ...read, query: ['page', 'admin'] },
    ],
  ));

test('where no query was seen none is allowed, unless a flag says so', async () => {
  await isExact([read], [{ ...read, query: ['page'] }]);
  const { text } = suggested([read], { anyQuery: true });
  assert.deepEqual(await outcomes(text, [{ ...read, query: ['page'] }]), ['allow']);
});

const infer = (model: string, path: string) => called(`model infer ${model}`, { method: 'POST', path });
const mintBy = (method: string, path: string) => called(`multi mint ${path}`, { method });
const on = (host: string) => called('multi read /x', { host });

test('of several hosts only those that were seen are allowed', () => {
  return isExact([on('a.example.com'), on('x.c.example.com')], [on('b.example.com'), on('y.c.example.com')]);
});

test('what was seen apart is not allowed together: hosts, names in queries, models and methods each with their own paths', async () => {
  await isExact(
    [called('multi read /a', { host: 'a.example.com' }), called('multi read /b', { host: 'b.example.com' })],
    [called('multi read /a', { host: 'b.example.com' }), called('multi read /b', { host: 'a.example.com' })],
  );
  await isExact([called('multi read /a', { query: ['x'] }), called('multi read /b')], [called('multi read /b', { query: ['x'] })]);
  await isExact(
    [infer('small', '/v1/chat/completions'), infer('large', '/v1/responses')],
    [infer('large', '/v1/chat/completions'), infer('small', '/v1/responses')],
  );
  await isExact([mintBy('POST', '/api_keys'), mintBy('PUT', '/x/api_keys')], [mintBy('PUT', '/api_keys'), mintBy('POST', '/x/api_keys')], {
    mint: true,
  });
});

test('a path that was seen in tasks of orchestrators alone is not for others, whatever else these were seen to do', async () => {
  const own = called('multi read /own', { task: 'task_2' });
  const { text } = suggest(
    nothing,
    {
      calls: [read, called('multi read /work'), own],
      origins: new Map([
        ['task_1', 'orchestrator'],
        ['task_2', 'self_declared'],
      ]),
    },
    { denied: false, mint: false, anyAgent: false, anyQuery: false },
  );
  assert.deepEqual(await outcomes(text, [called('multi read /work'), called('multi read /own')], 'self_declared'), ['deny', 'allow']);
});

test('tasks that orchestrators opened do not speak for those that an agent opens itself', async () => {
  const { text } = suggested([read]);
  assert.deepEqual(await outcomes(text, [read], 'self_declared'), ['deny']);
  const own = suggested([read], { origin: 'self_declared' });
  assert.deepEqual(await outcomes(own.text, [read], 'self_declared'), ['allow']);
});

test('a flag lets other agents do what one did', async () => {
  const { text } = suggested([read], { anyAgent: true });
  assert.deepEqual(await outcomes(text, [{ ...read, agent: 'https://issuer|other' }]), ['allow']);
});

test('messages are bound by what they name: tools, prompts, resources, methods, models, services', () =>
  isExact(
    [
      called('kb call_tool search', { method: 'POST' }),
      called('kb list_tools tools/list', { method: 'POST' }),
      called('kb get_prompt greet', { method: 'POST' }),
      called('kb read_resource file:///a', { method: 'POST' }),
      called('kb answer elicitation', { method: 'POST' }),
      called('model infer small', { method: 'POST', path: '/v1/chat/completions' }),
      called('helper send_message SendMessage', { method: 'POST', path: '/' }),
      called('desk write /desk.v1.Tickets/Close', { method: 'POST' }),
      called('multi websocket /room'),
    ],
    [
      called('kb call_tool delete', { method: 'POST' }),
      called('kb initialize initialize', { method: 'POST' }),
      called('kb get_prompt other', { method: 'POST' }),
      called('kb read_resource file:///b', { method: 'POST' }),
      called('model infer large', { method: 'POST', path: '/v1/chat/completions' }),
      called('model infer small', { method: 'POST', path: '/v1/responses' }),
      called('helper send_message SendStreamingMessage', { method: 'POST', path: '/' }),
      called('desk write /desk.v1.Tickets/Open', { method: 'POST' }),
      called('multi websocket /other'),
      called('multi read /room'),
    ],
  ));

test('what creates standing access takes a flag, and is bound by path and method', async () => {
  const mint = called('multi mint /api_keys', { method: 'POST' });
  assert.deepEqual(suggested([mint]).left, { 'that create standing access (--mint takes them)': 1 });
  await isExact([mint], [{ ...mint, method: 'PUT' }, { ...mint, path: '/x/api_keys' }, called('multi write /api_keys')], { mint: true });
});

test('what was denied takes a flag; what was only observed counts as wanted', () => {
  assert.deepEqual(suggested([{ ...read, decision: 'deny' }]).left, { 'denied (--denied takes them)': 1 });
  assert.equal(suggested([{ ...read, decision: 'deny' }], { denied: true }).policies, 1);
  assert.equal(suggested([{ ...read, decision: 'would_deny' }]).policies, 1);
});

test('what went with someone’s yes is suggested with @approval, and so is what was refused for the lack of one', async () => {
  const approved = suggested([{ ...read, approval: 'approval_1' }]);
  assert.deepEqual(await outcomes(approved.text, [read]), ['approval']);
  const refused = suggested([{ ...read, decision: 'deny', code: 'approval_required' }], { denied: true });
  assert.deepEqual(await outcomes(refused.text, [read]), ['approval']);
});

test('actions that are bound alike are one policy, and comments say how many calls stand behind each', () => {
  const { text, policies } = suggested([read, read, { ...read, method: 'HEAD' }]);
  assert.equal(policies, 1);
  assert.match(text, /^\/\/ 3 calls, 2026-11-01:\n\/\/ {3}2 x GET \/repos\/\{owner\}\/\{repo\}\/issues\n\/\/ {3}1 x HEAD /);
  assert.match(text, /@id\("suggested: triage github GET HEAD"\)/);
  assert.match(text, /action in \[Action::"GET", Action::"HEAD"\]/);
});

test('paths that differ in ids are worth a template, named after what stands before; words are not', () => {
  const paths = ['/users/1/posts/77', '/users/2/posts/78', '/users/3/posts/79', '/teams/red', '/teams/blue', '/teams/green'];
  const { templates } = suggested(paths.map((path) => called(`multi read ${path}`)));
  assert.deepEqual([...templates], [['multi', ['/users/{user}/posts/{post}']]]);
});

test('paths are read anew by the templates of the configuration', () => {
  const { text } = suggested([called('github read /repos/acme/app/issues')]);
  assert.match(text, /resource == Endpoint::"github \/repos\/\{owner\}\/\{repo\}\/issues"/);
});

test('what the configuration does not have, or the log does not hold whole, is left out and said', () => {
  const long = `/${'x'.repeat(1023)}…digest`;
  const { left, policies } = suggested([
    called('gone read /x', { host: 'gone.example.com' }),
    { ...read, intent: 'gone' },
    { ...read, host: 'gone.example.com' },
    called(`multi read ${long}`),
    { ...read, query: ['a', '…'] },
  ]);
  assert.equal(policies, 0);
  assert.deepEqual(left, {
    'that this configuration does not take: of other destinations, hosts, intents or tools': 3,
    'longer than the log holds': 2,
  });
});

test('a name that no policy can hold leaves out its own calls alone', () => {
  const { policies, left } = suggested([
    called('kb call_tool search', { method: 'POST' }),
    called('kb call_tool p\u0430ypal', { method: 'POST' }),
  ]);
  assert.deepEqual([policies, left], [1, { 'whose names no policy can hold': 1 }]);
});

test('what agents have named cannot leave its comment', () => {
  const { text } = suggested([
    called('kb call_tool x\n};permit(principal,action,resource);//', { method: 'POST' }),
    called('kb call_tool y"', { method: 'POST' }),
  ]);
  const uncommented = text.split('\n').filter((line) => !line.startsWith('//'));
  assert.equal(uncommented.filter((line) => line.includes('permit(')).length, 1);
  assert.match(text, /\["x\\u\{a\}\};permit\(principal,action,resource\);\/\/", "y\\""\]\.contains\(context\.mcp\.tool\)/);
});
