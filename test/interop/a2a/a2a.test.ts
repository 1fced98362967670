// The official A2A client and an agent of the official SDK, with Exeat between them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startSidecar, type RunningSidecar } from '../support/exeat.ts';
import { nodePackages } from '../support/node-packages.ts';
import { start, type Program } from '../support/program.ts';
import { environment } from '../support/tools.ts';

const host = 'agent.interop.example';
const policy = `
  @id("card") permit (principal, action == Action::"get_agent_card", resource);
  @id("ask") permit (principal, action == Action::"send_message", resource) unless { context.a2a.streaming };`;

const stack = new AsyncDisposableStack();
const folder = mkdtempSync(join(tmpdir(), 'exeat-a2a-'));
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
let installed: string;
let sidecar: RunningSidecar;

before(
  async () => {
    installed = await nodePackages(['@a2a-js/sdk@1.3.0', 'express@5'], new URL('programs/', import.meta.url).pathname);
    const agent = stack.use(node(['agent.mjs', `http://${host}/a2a`], {}));
    const [, port] = await agent.until(/"port":(\d+)/);
    sidecar = await startSidecar(folder, {
      policy,
      identity: { source: 'local', folder: join(folder, 'identity') },
      intents: { work: { description: 'Interop', destinations: ['helper'] } },
      destinations: {
        helper: { hosts: [`http://${host}`], connect_to: `127.0.0.1:${port}`, allow_private: true, protocol: 'a2a', a2a: { path: '/a2a' } },
      },
    });
    stack.use(sidecar);
  },
  { timeout: 15 * 60_000 },
);
after(() => stack.disposeAsync());

function node([script = '', ...rest]: readonly string[], env: Readonly<Record<string, string>>): Program {
  return start(process.execPath, [join(installed, script), ...rest], { env: { ...environment(), ...env } });
}

async function ask(proxyUrl: URL, binding: string): Promise<Record<string, string | { readonly error: string }>> {
  const env = { NODE_USE_ENV_PROXY: '1', http_proxy: proxyUrl.href, no_proxy: '' };
  await using client = node(['client.mjs', `http://${host}`, binding], env);
  const { stdout, stderr } = await client.ended();
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Record<string, string>;
}

for (const binding of ['JSONRPC', 'HTTP+JSON']) {
  test(
    `${binding}: a message is sent as policy permits, and a stream is denied in words that the client shows`,
    { timeout: 60_000 },
    async () => {
      await using task = await sidecar.open('work');
      const seen = await ask(task.proxyUrl, binding);
      assert.equal(seen['sent'], 'hello', JSON.stringify(seen));
      assert.match(JSON.stringify(seen['streamed']), /policy_denied|No policy permits/);
      const calls = await task.calls();
      assert.deepEqual(
        calls.map(({ operation, decision }) => `${String(operation)} ${String(decision)}`),
        [
          'helper get_agent_card GetAgentCard allow',
          'helper send_message SendMessage allow',
          'helper send_message SendStreamingMessage deny',
        ],
      );
    },
  );
}

test('a task that is revoked is told so', { timeout: 60_000 }, async () => {
  const task = await sidecar.open('work');
  await task.revoke();
  assert.match(JSON.stringify(await ask(task.proxyUrl, 'JSONRPC')), /403|task_revoked/);
});
