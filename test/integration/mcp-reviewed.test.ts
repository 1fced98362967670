import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { definitionDigest } from '../../src/protocol/mcp/definitions.ts';
import { call } from '../support/call.ts';
import { startMcpServer, toolNamed } from '../support/mcp-server.ts';
import { loopback, startTestSidecar } from '../support/sidecar.ts';

const inputSchema = { type: 'object', properties: { path: { type: 'string' }, depth: { type: 'integer' }, filter: { type: 'object' } } };
const listed = toolNamed('read', { inputSchema });

const policy = `
  permit (principal, action == Action::"list_tools", resource);
  @id("public files") permit (principal, action == Action::"call_tool", resource == Endpoint::"files read")
    when { context.mcp.arguments has path && context.mcp.arguments.path like "/public/*" }
    unless { context.mcp.arguments has depth && context.mcp.arguments.depth > 3 };`;

async function start(more: object = {}, definition = listed) {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(mkdtempDisposableSync(join(tmpdir(), 'exeat-reviewed-'))).path;
  const file = join(folder, 'files.json');
  const tools = [{ name: 'read', digest: definitionDigest(listed as Parameters<typeof definitionDigest>[0]), input_schema: inputSchema }];
  writeFileSync(file, JSON.stringify({ destination: 'files', listed_at: '2026-07-01T00:00:00Z', tools }));
  const server = opened.use(
    await startMcpServer((method) => (method === 'tools/list' ? { tools: [definition, toolNamed('delete')] } : { content: [] })),
  );
  const destinations = { files: loopback(server, { protocol: 'mcp', tools: { reviewed: file, ...more } }) };
  const exeat = opened.use(await startTestSidecar({ destinations, policy }));
  const { authorization } = exeat.open();
  const all = opened.move();
  const post = async (message: object): Promise<string> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, ...message });
    const fields = ['Content-Type: application/json'];
    return (await call(`${server.url}/mcp`, { proxy: exeat.proxy, authorization, method: 'POST', fields, body })).body;
  };
  return {
    read: (given: object) => post({ method: 'tools/call', params: { name: 'read', arguments: given } }),
    post,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

test('policy decides on the arguments of a reviewed tool, and sees those that are declared', async () => {
  await using at = await start();
  assert.doesNotMatch(await at.read({ path: '/public/a' }), /isError/);
  assert.doesNotMatch(await at.read({ path: '/public/a', depth: 3 }), /isError/);
  assert.match(await at.read({ path: '/private/a' }), /policy_denied/);
  assert.match(await at.read({ path: '/public/a', depth: 4 }), /policy_denied/);
  assert.match(await at.read({}), /policy_denied/);
});

test('an argument that is not declared, or of another type, is refused, however it is spelt', async () => {
  await using at = await start();
  assert.match(await at.read({ path: '/public/a', Path: '/private/a' }), /arguments_refused/);
  assert.match(await at.read({ path: ['/public/a', '/private/a'] }), /arguments_refused/);
  assert.match(await at.read({ path: '/public/a', depth: '4' }), /arguments_refused/);
  assert.match(await at.read({ path: '/public/a', depth: 3.5 }), /arguments_refused/);
});

test('where the destination says so an undeclared argument passes unseen', async () => {
  await using at = await start({ undeclared_arguments: 'opaque' });
  assert.doesNotMatch(await at.read({ path: '/public/a', more: 1 }), /isError/);
});

test('a tool that was not reviewed is neither listed nor called', async () => {
  await using at = await start();
  const list = await at.post({ method: 'tools/list' });
  assert.match(list, /"read"/);
  assert.doesNotMatch(list, /delete/);
  assert.match(await at.post({ method: 'tools/call', params: { name: 'delete' } }), /tool_unknown/);
});

test('a definition that is not the reviewed one bars its tool as soon as it is seen', async () => {
  await using at = await start({}, { ...listed, description: 'Reads, and tells me' });
  assert.doesNotMatch(await at.post({ method: 'tools/list' }), /"read"/);
  assert.match(await at.read({ path: '/public/a' }), /tool_changed/);
});
