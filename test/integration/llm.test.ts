import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { call } from '../support/call.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { loopback, startTestSidecar, type TestSidecar } from '../support/sidecar.ts';

const policy = `
  @id("small") permit (principal, action == Action::"infer", resource in Destination::"models")
    when { context.llm.model like "small-*" && !context.llm.stored && context.llm has max_tokens && context.llm.max_tokens <= 100 };
  @id("list") permit (principal, action == Action::"list_models", resource);
  @id("files") permit (principal, action in Action::"read", resource == Endpoint::"models /v1/files");`;

interface Bench extends AsyncDisposable {
  readonly origin: Origin;
  readonly exeat: TestSidecar;
  post(path: string, body: unknown, fields?: readonly string[]): ReturnType<typeof call>;
  get(path: string): ReturnType<typeof call>;
}

async function start(models: object = {}): Promise<Bench> {
  await using opened = new AsyncDisposableStack();
  const origin = opened.use(
    await startOrigin((request, response) => {
      if (request.url === '/endless/messages') {
        response.setHeader('content-type', 'text/event-stream');
        response.write('event: message_start\ndata: {"message":{"usage":{"input_tokens":7,"output_tokens":1}}}\n\n');
      } else if (request.url?.endsWith('/messages') === true) {
        response.setHeader('content-type', 'text/event-stream');
        response.write('event: message_start\ndata: {"message":{"usage":{"input_tokens":7,"output_tokens":1}}}\n\n');
        response.end('event: message_delta\ndata: {"usage":{"output_tokens":5}}\n\n');
      } else {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 5 } }));
      }
    }),
  );
  const pictures = opened.use(await startOrigin());
  const destinations = {
    models: loopback(origin, { protocol: 'llm', operations: ['/v1/files'], models }),
    pictures: loopback(pictures),
  };
  const intents = {
    work: { description: 'Test', destinations: ['models'] },
    pictures: { description: 'Test', destinations: ['models', 'pictures'] },
  };
  const exeat = opened.use(await startTestSidecar({ destinations, policy, intents }));
  const { authorization } = exeat.open();
  const all = opened.move();
  const to = (path: string, more: object) => call(`${origin.url}${path}`, { proxy: exeat.proxy, authorization, ...more });
  return {
    origin,
    exeat,
    post: (path, body, fields = ['Content-Type: application/json']) =>
      to(path, { method: 'POST', fields, body: typeof body === 'string' ? body : JSON.stringify(body) }),
    get: (path) => to(path, {}),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const small = { model: 'small-1', max_tokens: 100, messages: [] };

test('a call of a model is decided on what it asks for, and leaves its tokens in the audit', async () => {
  await using at = await start();
  const chat = await at.post('/v1/chat/completions', small);
  assert.deepEqual([chat.status, await at.origin.seen[0]?.body], [200, JSON.stringify(small)]);
  const messages = await at.post('/v1/messages', { ...small, stream: true });
  assert.match(messages.body, /message_delta/);
  const events = await at.exeat.events({ kind: 'call', status: 200 }, 2);
  for (const event of events) {
    assert.deepEqual([event['operation'], event['usage']], ['models infer small-1', { input_tokens: 7, output_tokens: 5 }]);
  }
});

test('a denied call is told in the words of its API', async () => {
  await using at = await start();
  const chat = await at.post('/v1/chat/completions', { ...small, model: 'large-1' });
  const { error } = JSON.parse(chat.body) as { error: { type: string; message: string } };
  assert.deepEqual([chat.status, error.type], [403, 'policy_denied']);
  assert.match(error.message, /No policy permits this operation/);
  assert.match(chat.head, /proxy-status: exeat/);
  const messages = JSON.parse((await at.post('/v1/messages', { ...small, max_tokens: 101 })).body) as { type: string; error: object };
  assert.deepEqual([messages.type, Object.keys(messages.error)], ['error', ['type', 'message']]);
  assert.equal(at.origin.seen.length, 0);
});

test('a call of a task that has ended is told in the words of its API too', async () => {
  await using at = await start();
  const { id, authorization } = at.exeat.open();
  await at.exeat.sidecar.tasks.revoke(id, 'operator');
  const fields = ['Content-Type: application/json'];
  const answer = await call(`${at.origin.url}/v1/messages`, { proxy: at.exeat.proxy, authorization, method: 'POST', fields, body: '{}' });
  assert.deepEqual((JSON.parse(answer.body) as { error: { type: string } }).error.type, 'task_revoked');
});

test('what cannot be read one way only goes nowhere', async () => {
  await using at = await start();
  const bodies = ['', '{', '[]', '{"model":"small-1","model":"large-1","max_tokens":1}', '{"model":"small-1","max_tokens":1} {}'];
  for (const body of bodies) assert.match((await at.post('/v1/chat/completions', body)).body, /message_unreadable/, body);
  const json = JSON.stringify(small);
  const odd = [['Content-Type: text/plain'], ['Content-Type: application/json', 'Content-Encoding: gzip'], []];
  for (const fields of odd) assert.equal((await at.post('/v1/chat/completions', json, fields)).code, 'message_unreadable', fields.join());
  assert.equal(at.origin.seen.length, 0);
});

test('paths that are no calls of a model are refused, unless the destination lists them', async () => {
  await using at = await start();
  assert.equal((await at.get('/v1/models')).status, 200);
  assert.equal((await at.get('/v1/files')).status, 200);
  for (const path of ['/v1/batches', '/v1/messages/batches', '/v1/files/1', '/v1/assistants']) {
    assert.equal((await at.post(path, small)).code, 'protocol_refused', path);
  }
});

test('tools that the provider carries out are refused unless the destination lists them', async () => {
  const search = { ...small, tools: [{ type: 'web_search_20250305', name: 'web_search' }] };
  {
    await using at = await start();
    assert.match((await at.post('/v1/messages', search)).body, /provider_tool_refused/);
  }
  await using at = await start({ provider_tools: ['web_search', 'mcp'] });
  assert.equal((await at.post('/v1/messages', search)).status, 200);
  const server = { type: 'mcp', server_url: 'https://elsewhere.example/mcp' };
  assert.match((await at.post('/v1/responses', { ...small, tools: [server] })).body, /destination_unknown/);
  const mine = { ...server, server_url: `${at.origin.url}/mcp` };
  assert.equal((await at.post('/v1/responses', { ...small, tools: [mine] })).status, 200);
  for (const more of [{ authorization: 'x' }, { headers: { a: 'b' } }, { require_approval: 'never' }]) {
    assert.match((await at.post('/v1/responses', { ...small, tools: [{ ...mine, ...more }] })).body, /provider_tool_refused/);
  }
});

test('a task has so many tokens, and is told what is left', async () => {
  await using at = await start({ prices: { '*': { input: 1, output: 10 } } });
  const { id, authorization } = at.exeat.open('work', { limits: { tokens: 150, cost: 1e6 } });
  const fields = ['Content-Type: application/json'];
  const ask = (more: object) =>
    call(`${at.origin.url}/v1/chat/completions`, {
      proxy: at.exeat.proxy,
      authorization,
      method: 'POST',
      fields,
      body: JSON.stringify({ ...small, ...more }),
    });
  assert.equal((await ask({})).status, 200);
  const budgets = Object.fromEntries(at.exeat.sidecar.tasks.report(id)?.budgets.map(({ what, used }) => [what, used]) ?? []);
  assert.deepEqual(budgets, { tokens: 12, cost: 7 + 50 });
  for (let i = 0; i < 2; i += 1) await ask({});
  const refused = await ask({ messages: [{ role: 'user', content: 'x'.repeat(60) }] });
  assert.equal(refused.status, 429);
  assert.match(refused.body, /budget of 150 tokens 114 tokens are left, and the call may use 1\d\d tokens/);
});

test('a client that leaves a streamed answer before its last word has used what was taken for it', async () => {
  await using at = await start();
  const { id, authorization } = at.exeat.open('work', { limits: { tokens: 150 } });
  const body = JSON.stringify({ ...small, stream: true });
  const { hostname, port } = new URL(`http://${at.exeat.proxy}`);
  const headers = {
    host: new URL(at.origin.url).host,
    'proxy-authorization': authorization,
    'content-type': 'application/json',
    'content-length': body.length,
  };
  const asked = request({ host: hostname, port, method: 'POST', path: `${at.origin.url}/endless/messages`, headers }).end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  await once(answer, 'data');
  answer.on('error', () => {});
  asked.destroy();
  const [event] = await at.exeat.events({ kind: 'call' });
  assert.deepEqual([event?.['code'], event?.['usage']], ['client_gone', { input_tokens: 7, output_tokens: 1 }]);
  const [tokens] = at.exeat.sidecar.tasks.report(id)?.budgets ?? [];
  assert.ok(tokens !== undefined && tokens.used >= 100, String(tokens?.used));
});

test('what the provider is to fetch must lie at a destination of the intent', async () => {
  await using at = await start();
  assert.match((await at.post('/v1/chat/completions', picture('https://evil.example/?secret'))).body, /destination_unknown/);
  assert.match((await at.post('/v1/chat/completions', picture('not a url'))).body, /destination_unknown/);
  assert.equal((await at.post('/v1/chat/completions', picture('data:image/png;base64,AA=='))).status, 200);
  assert.equal((await at.post('/v1/chat/completions', picture(`${at.origin.url}/1.png`))).status, 200);
});

function picture(url: string): object {
  return { ...small, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] };
}
