// The adapter asks a PDP the questions of the AuthZEN "Todo" scenario; the PDP is a real OPA that speaks AuthZEN by a rule.
import assert from 'node:assert/strict';
import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createGuardedFetch } from '../../../src/egress/client.ts';
import { createAuthzenClient, type AuthzenClient } from '../../../src/policy/authzen.ts';
import { createEngineClient } from '../../../src/policy/engine-client.ts';
import { startOpa } from '../support/opa.ts';
import { todo, todoFiles } from './todo.ts';

const opened = new AsyncDisposableStack();
let client: AuthzenClient;

before(
  async () => {
    const folder = opened.use(mkdtempDisposableSync(join(tmpdir(), 'exeat-authzen-'))).path;
    const { url, ca, tokenFile } = opened.use(await startOpa(folder, todoFiles));
    const times = { connectTimeoutMs: 5000, headersTimeoutMs: 5000, idleTimeoutMs: 5000 };
    const network = { allowPrivate: true, unsafeCleartext: false, ca: readFileSync(ca, 'utf8'), ...times };
    const { fetch } = opened.use(createGuardedFetch(network, { ownPorts: new Set() }));
    const engine = createEngineClient({ url, token: { file: tokenFile }, timeoutMs: 5000, fetch });
    client = createAuthzenClient(engine, { evaluation_path: '/v0/data/todo/evaluation', evaluations_path: '/v0/data/todo/evaluations' });
  },
  { timeout: 25 * 60_000 },
);
after(() => opened.disposeAsync());

for (const [question, decision] of todo) {
  const { subject, action, resource } = question;
  test(`${subject.id} ${decision ? 'may' : 'may not'} ${action.name} ${resource.id}`, async () => {
    assert.deepEqual(await client.ask(question), { allow: decision, said: {} });
  });
}

test('all questions at once are answered alike, in order', async () => {
  const answers = (await client.askAll?.(todo.map(([question]) => question))) ?? [];
  assert.deepEqual(
    answers.map(({ allow }) => allow),
    todo.map(([, decision]) => decision),
  );
});
