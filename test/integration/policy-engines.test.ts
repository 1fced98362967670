import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { request as openRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { controlOf } from '../support/control.ts';
import { startMcpServer, toolNamed } from '../support/mcp-server.ts';
import { startOrigin, type Answer, type Origin } from '../support/origin.ts';
import { accessRequest } from '../support/policy.ts';
import { json, startEngine } from '../support/policy-engine.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';

function serverAt(engine: Origin, more: object = {}): object {
  return { url: engine.url, unsafe_cleartext: true, timeout: '5s', ...more };
}

interface Evaluated {
  readonly resource: { readonly properties: { readonly name: string } };
}

interface Asked extends Evaluated {
  readonly input: { readonly action: { readonly properties: { readonly group: string } } };
  readonly evaluations: readonly Evaluated[];
}

/** Answers with what it makes of the question. */
function jsonOf(answer: (asked: Asked) => object): Answer {
  return (request, response, seen) =>
    void seen.body.then((text) => json(JSON.stringify(answer(JSON.parse(text) as Asked)))(request, response, seen));
}

test('opa is asked with its input at the rule of the configuration, as the token file says at that moment', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'exeat-engine-'));
  const file = join(folder.path, 'token');
  await using engine = await startEngine('opa', json('{"result":{"allow":true,"policies":["reads"]},"decision_id":"d-1"}'), {
    token: { file },
  });
  writeFileSync(file, 'first\n');
  assert.deepEqual(await engine.policy.decide(accessRequest()), { allow: true, policies: ['reads'], id: 'd-1' });
  writeFileSync(file, 'second\n');
  await engine.policy.decide(accessRequest());
  const [first, second] = engine.origin.seen;
  assert.deepEqual([first?.method, first?.url, first?.headers.authorization], ['POST', '/v1/data/exeat/decision', 'Bearer first']);
  assert.equal(second?.headers.authorization, 'Bearer second');
  const body = JSON.parse((await first?.body) ?? '') as { input: { action: { name: string } } };
  assert.deepEqual([Object.keys(body), body.input.action.name], [['input'], 'GET']);
});

test('a token that cannot be read denies, and nothing is sent', async () => {
  await using engine = await startEngine('opa', json('{"result":true}'), { token: { file: '/nowhere/token' } });
  assert.equal((await engine.policy.decide(accessRequest())).allow, false);
  assert.equal(engine.origin.seen.length, 0);
});

test('an AuthZEN PDP is asked with one evaluation, and for lists with many at once', async () => {
  const answers = [{ decision: true }, { decision: false, context: { error: { status: 404, message: 'no such' } } }, { decision: 'true' }];
  await using engine = await startEngine('authzen', (request, response, seen) =>
    json(request.url === '/pdp/access/v1/evaluation' ? '{"decision":true}' : JSON.stringify({ evaluations: answers }))(
      request,
      response,
      seen,
    ),
  );
  await using at = await startEngine('authzen', json(''), { url: `${engine.origin.url}/pdp` });
  assert.equal((await at.policy.decide(accessRequest())).allow, true);
  const requests = ['search', 'delete', 'other'].map((tool) => ({ ...accessRequest({ tool }), listing: true }));
  const decisions = (await at.policy.decideAll?.(requests)) ?? [];
  assert.deepEqual(
    decisions.map(({ allow }) => allow),
    [true, false, false],
  );
  const [one, many] = engine.origin.seen;
  assert.deepEqual([one?.url, many?.url], ['/pdp/access/v1/evaluation', '/pdp/access/v1/evaluations']);
  assert.match(one?.headers['x-request-id']?.toString() ?? '', /^[0-9a-f-]{36}$/);
  const { subject, action, resource } = JSON.parse((await one?.body) ?? '') as Record<string, Record<string, unknown>>;
  assert.deepEqual([subject?.['type'], action?.['name'], resource?.['type']], ['agent', 'GET', 'endpoint']);
  assert.deepEqual(subject?.['properties'], { role: 'agent', kind: 'local', issuer: 'local', subject: 'dev@laptop' });
  const { evaluations } = JSON.parse((await many?.body) ?? '') as { evaluations: { resource: { id: string } }[] };
  assert.deepEqual(
    evaluations.map((each) => each.resource.id),
    ['kb search', 'kb delete', 'kb other'],
  );
});

test('a batch that is answered in part denies all of it', async () => {
  for (const text of ['{"evaluations":[{"decision":true}]}', '{"decision":true}', '[]']) {
    await using engine = await startEngine('authzen', json(text));
    const decisions = (await engine.policy.decideAll?.([accessRequest(), accessRequest()])) ?? [];
    assert.deepEqual(
      decisions.map(({ allow, error }) => [allow, error !== undefined]),
      [
        [false, true],
        [false, true],
      ],
    );
  }
});

test('many are asked for a hundred at a time', async () => {
  await using engine = await startEngine(
    'authzen',
    jsonOf(({ evaluations }) => ({ evaluations: evaluations.map(() => ({ decision: true })) })),
  );
  const decisions = (await engine.policy.decideAll?.(Array.from({ length: 250 }, () => accessRequest()))) ?? [];
  assert.equal(decisions.filter(({ allow }) => allow).length, 250);
  assert.equal(engine.origin.seen.length, 3);
});

test('calls go as a remote engine decides, and the audit says what it called its decision', async () => {
  await using origin = await startOrigin();
  await using engine = await startOrigin(
    jsonOf(({ input }) => ({ result: { allow: input.action.properties.group === 'read', policies: ['reads'] }, decision_id: 'd-7' })),
  );
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin) },
    engine: { engine: 'opa', server: serverAt(engine) },
  });
  const { authorization, id } = exeat.open();
  const read = await call(`${origin.url}/a`, { proxy: exeat.proxy, authorization });
  const write = await call(`${origin.url}/a`, { proxy: exeat.proxy, authorization, method: 'POST' });
  assert.deepEqual([read.status, write.status, write.code], [200, 403, 'policy_denied']);
  const [event] = await exeat.events({ kind: 'call', status: 200 });
  assert.deepEqual([event?.['policies'], event?.['decision_id'], typeof event?.['policy_digest']], [['reads'], 'd-7', 'string']);
  const explained = await controlOf(exeat, 'operator')('POST', '/v1/explain', { task: id, method: 'GET', url: `${origin.url}/a` });
  assert.deepEqual([explained.body['decision'], explained.body['policies']], ['allow', [{ id: 'reads' }]]);
});

test('while the engine is away calls are refused, and those that run go on until policy is loaded anew', async () => {
  await using origin = await startOrigin((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('begun');
  });
  let answers = true;
  await using engine = await startOrigin((request, response, seen) =>
    answers ? json('{"decision":true}')(request, response, seen) : request.socket.destroy(),
  );
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin) },
    engine: { engine: 'authzen', server: serverAt(engine) },
  });
  const { authorization } = exeat.open();
  const [host = '', port = ''] = exeat.proxy.split(':');
  const request = openRequest({
    host,
    port,
    path: `${origin.url}/stream`,
    headers: { host: origin.host, 'proxy-authorization': authorization },
  });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  answers = false;
  const refused = await call(`${origin.url}/a`, { proxy: exeat.proxy, authorization });
  assert.deepEqual([refused.status, refused.code], [403, 'policy_error']);
  const ended = once(response, 'error');
  response.resume();
  assert.equal((await exeat.sidecar.reload('test')).reloaded, true);
  await ended;
  const [event] = await exeat.events({ kind: 'call', code: 'policy_error', path: '/stream' });
  assert.equal(event?.['decision'], 'allow');
});

test('what is put in force while a call is being decided holds for that call', async () => {
  await using origin = await startOrigin();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  await using engine = await startOrigin((request, response, seen) => {
    asked.resolve();
    void answer.promise.then(() => json('{"result":true}')(request, response, seen));
  });
  await using exeat = await startTestSidecar({
    destinations: { api: loopback(origin) },
    engine: { engine: 'opa', server: serverAt(engine) },
  });
  const { authorization } = exeat.open();
  const running = call(`${origin.url}/a`, { proxy: exeat.proxy, authorization });
  await asked.promise;
  exeat.rewrite({ engine: { engine: 'cedar', directory: join(exeat.folder, 'policies') }, policy: '' });
  assert.equal((await exeat.sidecar.reload('test')).reloaded, true);
  answer.resolve();
  const { status, code } = await running;
  assert.deepEqual([status, code, origin.seen.length], [403, 'policy_denied', 0]);
});

function allButDelete({ resource }: Evaluated): object {
  return { decision: resource.properties.name !== 'delete' };
}

test('a list of tools is decided by one batch, and its denials ask for nothing more', async () => {
  await using server = await startMcpServer((method) =>
    method === 'tools/list' ? { tools: ['search', 'delete', 'close'].map((name) => toolNamed(name)) } : { content: [] },
  );
  await using engine = await startOrigin(
    jsonOf((asked) => ('evaluations' in asked ? { evaluations: asked.evaluations.map(allButDelete) } : allButDelete(asked))),
  );
  await using exeat = await startTestSidecar({
    destinations: { kb: loopback(server, { protocol: 'mcp' }) },
    engine: { engine: 'authzen', server: serverAt(engine) },
  });
  const { authorization } = exeat.open();
  const post = async (method: string, params: object): Promise<string> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const fields = ['Content-Type: application/json'];
    return (await call(`${server.url}/mcp`, { proxy: exeat.proxy, authorization, method: 'POST', fields, body })).body;
  };
  const list = await post('tools/list', {});
  assert.match(list, /"search".*"close"/s);
  assert.doesNotMatch(list, /"delete"/);
  assert.deepEqual(
    engine.seen.map(({ url }) => url),
    ['/access/v1/evaluation', '/access/v1/evaluations'],
  );
  assert.match(await post('tools/call', { name: 'delete', arguments: {} }), /policy_denied/);
  assert.equal(engine.seen.length, 3);
});
