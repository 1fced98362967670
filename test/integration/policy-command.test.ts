import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { call } from '../support/call.ts';
import { startMcpServer } from '../support/mcp-server.ts';
import { startOrigin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestSidecar } from '../support/sidecar.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function exeat(...argv: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...argv], (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }));
  });
}

interface Folder extends Disposable {
  readonly path: (name: string) => string;
  readonly config: string;
}

function folderWith(policy: string, fixtures: Readonly<Record<string, unknown>> = {}, destinations?: object): Folder {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-policy-'));
  const path = (name: string): string => join(folder.path, name);
  mkdirSync(path('policies/tests'), { recursive: true });
  writeFileSync(path('policies/main.cedar'), policy);
  for (const [name, text] of Object.entries(fixtures))
    writeFileSync(path(`policies/tests/${name}`), typeof text === 'string' ? text : stringify(text));
  const config = {
    intents: { triage: { description: 'Triage', destinations: ['github', 'kb'] }, other: { description: 'Other', destinations: ['kb'] } },
    policy: { engine: 'cedar', directory: path('policies') },
    destinations: destinations ?? {
      github: { hosts: ['api.github.com'], operations: ['/repos/{owner}/{repo}/issues'] },
      kb: { hosts: ['kb.example.com'], protocol: 'mcp' },
    },
  };
  writeFileSync(path('exeat.yaml'), stringify(config));
  return { path, config: path('exeat.yaml'), [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

const policy = `
  @id("issues") permit (principal, action == Action::"GET", resource == Endpoint::"github /repos/{owner}/{repo}/issues");
  @id("search") permit (principal, action == Action::"call_tool", resource in Destination::"kb") when { context.mcp.tool == "search" };
  @id("never") forbid (principal, action, resource) when { context.task.intent == Intent::"other" };`;

const fixtures = [
  {
    name: 'issues are read',
    intent: 'triage',
    call: 'GET https://api.github.com/repos/acme/app/issues',
    expect: 'allow',
    policies: ['issues'],
  },
  { name: 'and not written', intent: 'triage', call: 'POST https://api.github.com/repos/acme/app/issues', expect: 'deny' },
  { name: 'the knowledge base is searched', intent: 'triage', tool: { destination: 'kb', name: 'search' }, expect: 'allow' },
];

test('fixtures that hold are counted, with the policies that none exercises', async () => {
  using folder = folderWith(policy, { 'a.yaml': fixtures });
  const ran = await exeat('policy', 'test', '--config', folder.config);
  assert.deepEqual(ran, {
    code: 0,
    stdout: 'no fixture is decided by "never"\n3 passed, 0 failed; 2 of 3 policies exercised (66 %)\n',
    stderr: '',
  });
  assert.equal((await exeat('policy', 'test', '--config', folder.config, '--min-coverage', '67')).code, 1);
});

test('a fixture that does not hold says what policy says, and why', async () => {
  const wrong = [
    { name: 'one', intent: 'triage', call: 'GET https://api.github.com/user', expect: 'allow' },
    { name: 'two', intent: 'triage', call: 'GET https://api.github.com/repos/a/b/issues', expect: 'allow', policies: ['other'] },
    { name: 'three', intent: 'other', tool: { destination: 'kb', name: 'search' }, expect: 'allow' },
    { name: 'four', intent: 'nothing', call: 'GET https://api.github.com/user', expect: 'deny' },
    { name: 'five', intent: 'other', call: 'GET https://api.github.com/user', expect: 'allow' },
    { name: 'six', intent: 'triage', call: 'GET https://api.githbu.com/user', expect: 'deny' },
    { name: 'seven', intent: 'triage', call: 'GET https://api.github.com/user', expect: 'deny', refused: 'destination_unknown' },
  ];
  using folder = folderWith(policy, { 'a.json': JSON.stringify(wrong) });
  const { code, stdout } = await exeat('policy', 'test', '--config', folder.config, '--junit', folder.path('junit.xml'));
  assert.equal(code, 1);
  const junit = readFileSync(folder.path('junit.xml'), 'utf8');
  assert.match(junit, /<testsuite name="exeat policy test" tests="7" failures="7">/);
  assert.match(
    junit,
    /<testcase classname="a.json" name="two"><failure message="expected &#34;other&#34;, and it is allow, by &#34;issues&#34;"\/>/,
  );
  assert.match(stdout, /one\n +expected allow, and it is deny, no policy permits it/);
  assert.match(stdout, /two\n +expected "other", and it is allow, by "issues"/);
  assert.match(stdout, /three\n +expected allow, and it is deny, by "never"/);
  assert.match(stdout, /four\n +there is no intent "nothing"/);
  assert.match(stdout, /five\n +expected policy's allow, and it is refused before policy is asked: "refused: destination_outside_intent"/);
  assert.match(stdout, /six\n +expected policy's deny, .*"refused: destination_unknown"/);
  assert.match(stdout, /seven\n +expected "destination_unknown", and policy is asked: it is deny, no policy permits it/);
  assert.match(stdout, /0 passed, 7 failed/);
});

test('fixtures say who calls, when, and with what; what is observed or tried out is told as it will be', async () => {
  const asked = `
    @id("pods") permit (principal, action in Action::"read", resource in Destination::"github") when { principal.kind == "k8s-sa" && principal has namespace && principal.namespace == "prod" };
    @id("own") forbid (principal, action, resource) when { context.task.origin == "self_declared" && !context.task.attested };
    @id("dated") permit (principal, action == Action::"PUT", resource in Destination::"github") when { context.time < datetime("2026-02-01") };
    @id("asked") @approval permit (principal, action == Action::"POST", resource in Destination::"github");
    @id("new") @observe("2099-01-01") forbid (principal, action == Action::"HEAD", resource in Destination::"github");`;
  const user = 'https://api.github.com/user';
  const pod = { intent: 'triage', kind: 'k8s-sa', claims: { namespace: 'prod' } };
  const cases = [
    { name: 'a', ...pod, call: `GET ${user}`, expect: 'allow', policies: ['pods'] },
    { name: 'b', ...pod, claims: {}, call: `GET ${user}`, expect: 'deny', policies: [] },
    { name: 'c', ...pod, origin: 'self_declared', call: `GET ${user}`, expect: 'deny', policies: ['own'] },
    { name: 'd', intent: 'triage', time: '2026-01-01T00:00:00Z', call: `PUT ${user}`, expect: 'allow', policies: ['dated'] },
    { name: 'e', intent: 'triage', time: '2026-03-01T00:00:00Z', call: `PUT ${user}`, expect: 'deny' },
    { name: 'f', intent: 'triage', call: `POST ${user}`, expect: 'approval', policies: ['asked'] },
    { name: 'g', ...pod, call: `HEAD ${user}`, expect: 'deny', policies: ['new'] },
  ];
  const destinations = { github: { hosts: ['api.github.com'], observe: { until: '2099-01-01' } }, kb: { hosts: ['kb.example.com'] } };
  using folder = folderWith(asked, { 'a.yaml': cases }, destinations);
  const { code, stdout } = await exeat('policy', 'test', '--config', folder.config, '--min-coverage', '100');
  assert.deepEqual([code, stdout], [0, '7 passed, 0 failed; 5 of 5 policies exercised (100 %)\n']);
});

test('a message that does more than one thing is allowed when all of it is', async () => {
  const parts =
    '@id("all") permit (principal, action, resource); @id("quiet") forbid (principal, action == Action::"set_push_notification", resource);';
  const configuration = { pushNotificationConfig: { url: 'https://api.github.com/hook' } };
  const body = { jsonrpc: '2.0', id: 1, method: 'message/send', params: { message: { parts: [] }, configuration } };
  const cases = [{ name: 'x', intent: 'triage', call: 'POST https://kb.example.com/', body, expect: 'deny', policies: ['quiet'] }];
  using folder = folderWith(
    parts,
    { 'a.yaml': cases },
    { github: { hosts: ['api.github.com'] }, kb: { hosts: ['kb.example.com'], protocol: 'a2a' } },
  );
  assert.match((await exeat('policy', 'test', '--config', folder.config)).stdout, /1 passed, 0 failed/);
});

test('what is no fixture stops the run, and says where', async () => {
  using folder = folderWith(policy, { 'a.yaml': [{ name: 'x', intent: 'triage', call: 'GET', expected: 'allow' }] });
  const { code, stderr } = await exeat('policy', 'test', '--config', folder.config);
  assert.equal(code, 1);
  assert.match(stderr, /a\.yaml is no list of fixtures: .*call.*method and a URL/);
  using empty = folderWith(policy);
  assert.match((await exeat('policy', 'test', '--config', empty.config)).stderr, /there are no fixtures/);
});

test('a log is replayed against other policies, and suggests its own', async () => {
  await using origin = await startOrigin();
  await using server = await startMcpServer(() => ({ content: [] }));
  const destinations = {
    github: loopback(origin, { operations: ['/repos/{owner}/issues'], observe: { until: '2099-01-01' } }),
    kb: loopback(server, { protocol: 'mcp' }),
  };
  await using sidecar = await startTestSidecar({
    destinations,
    intents: { triage: { description: 'Triage', destinations: ['github', 'kb'] } },
    policy:
      '@id("read") permit (principal, action in Action::"read", resource); @id("tools") permit (principal, action == Action::"call_tool", resource);',
  });
  const { authorization } = sidecar.open('triage');
  const to = (url: string, more: object = {}) => call(url, { proxy: sidecar.proxy, authorization, ...more });
  await to(`${origin.url}/repos/acme/issues`);
  for (const id of ['1', '2', '3']) await to(`${origin.url}/items/${id}`);
  await to(`${origin.url}/repos/acme/issues`, { method: 'POST', body: 'x' });
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'search' } });
  await to(`${server.url}/mcp`, { method: 'POST', fields: ['Content-Type: application/json'], body });
  await sidecar.events({ kind: 'call' }, 6);
  await sidecar.sidecar[Symbol.asyncDispose]();
  const log = join(sidecar.folder, 'audit.ndjson');

  using folder = folderWith(
    '@id("fewer") permit (principal, action in Action::"read", resource == Endpoint::"github /repos/{owner}/issues");',
    {},
    destinations,
  );
  writeFileSync(
    folder.config,
    stringify({
      intents: { triage: { description: 'T', destinations: ['github', 'kb'] } },
      policy: { engine: 'cedar', directory: folder.path('policies') },
      destinations,
    }),
  );
  const replayed = await exeat('policy', 'replay', log, '--config', folder.config, '--json');
  assert.equal(replayed.code, 1, replayed.stderr);
  const { calls, unchanged, changes } = JSON.parse(replayed.stdout) as {
    calls: number;
    unchanged: number;
    changes: { from: string; to: string; operation: string; calls: number }[];
  };
  assert.deepEqual([calls, unchanged], [6, 2]);
  const found = changes.map(({ from, to, operation, calls }) => [from, to, operation.replace(/\d$/, 'N'), calls].join(' '));
  assert.deepEqual(
    found.toSorted((a, b) => (a < b ? -1 : 1)),
    [
      'allow deny kb call_tool search 1',
      'allow would_deny github read /items/N 1',
      'allow would_deny github read /items/N 1',
      'allow would_deny github read /items/N 1',
    ],
  );

  const suggested = await exeat('policy', 'suggest', log, '--config', folder.config);
  assert.equal(suggested.code, 0, suggested.stderr);
  assert.match(suggested.stdout, /could list under "operations": \/items\/\{item\}/);
  writeFileSync(folder.path('policies/main.cedar'), suggested.stdout);
  const again = await exeat('policy', 'replay', log, '--config', folder.config);
  assert.match(again.stdout, /6 calls: 5 decided alike, 1 otherwise/, again.stderr);
  assert.match(again.stdout, /would_deny +allow/);
  assert.equal((await exeat('check', '--config', folder.config)).code, 0);

  writeFileSync(log, readFileSync(log, 'utf8').replace('"/items/1"', '"/items/9"'));
  const changed = await exeat('policy', 'suggest', log, '--config', folder.config);
  assert.equal(changed.code, 1);
  assert.match(changed.stderr, /is not as it was written/);
});

test('what was observed and suggested is then all that goes', async () => {
  await using stack = new AsyncDisposableStack();
  const origin = stack.use(await startOrigin());
  const server = stack.use(await startMcpServer(() => ({ tools: [], content: [] })));
  const folder = stack.use(mkdtempDisposableSync(join(tmpdir(), 'exeat-loop-')));
  const start = (more: object, policy: string) =>
    startTestSidecar({
      destinations: {
        api: loopback(origin, { operations: ['/items/{id}'], ...more }),
        kb: loopback(server, { protocol: 'mcp', ...more }),
      },
      folder: folder.path,
      policy,
    });
  const statusesIn = async ({ proxy, ...exeat }: TestSidecar, wanted: boolean): Promise<number[]> => {
    const { authorization } = exeat.open();
    const api = async (method: string, path: string) => (await call(`${origin.url}${path}`, { proxy, authorization, method })).status;
    const kb = async (method: string, params: object) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
      const fields = ['Content-Type: application/json'];
      return (await call(`${server.url}/mcp`, { proxy, authorization, method: 'POST', fields, body })).status;
    };
    return wanted
      ? [
          await api('GET', '/items/7?page=2'),
          await api('HEAD', '/items/7'),
          await api('GET', '/x'),
          await kb('tools/list', {}),
          await kb('prompts/get', { name: 'a' }),
        ]
      : [
          await api('POST', '/items/7'),
          await api('GET', '/items/7?all=1'),
          await api('GET', '/y'),
          await kb('resources/list', {}),
          await kb('prompts/get', { name: 'b' }),
        ];
  };
  {
    await using observed = await start({ observe: { until: '2099-01-01' } }, '');
    assert.deepEqual(await statusesIn(observed, true), [200, 200, 200, 200, 200]);
    await observed.events({ kind: 'call' }, 5);
  }
  const text = stringify({
    intents: { work: { description: 'Test', destinations: ['api', 'kb'] } },
    policy: { engine: 'cedar', directory: join(folder.path, 'policies') },
    destinations: { api: loopback(origin, { operations: ['/items/{id}'] }), kb: loopback(server, { protocol: 'mcp' }) },
  });
  writeFileSync(join(folder.path, 'exeat.yaml'), text);
  const key = join(folder.path, 'state', 'audit-public.pem');
  const log = join(folder.path, 'audit.ndjson');
  const suggested = await exeat('policy', 'suggest', log, '--config', join(folder.path, 'exeat.yaml'), '--public-key', key);
  assert.deepEqual([suggested.code, suggested.stderr], [0, '']);
  await using enforced = await start({}, suggested.stdout);
  assert.deepEqual(await statusesIn(enforced, true), [200, 200, 200, 200, 200], suggested.stdout);
  const before = [origin.seen.length, server.messages.length];
  // Refusals of MCP are answers of MCP.
  assert.deepEqual(await statusesIn(enforced, false), [403, 403, 403, 200, 200]);
  assert.deepEqual([origin.seen.length, server.messages.length], before);
});
