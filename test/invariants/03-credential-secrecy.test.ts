import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import {
  authorityFor,
  destinationNamed,
  eventually,
  exchangeProvider,
  permitFor,
  startBroker,
  temporaryFolder,
} from '../support/broker.ts';
import { type Behaviour, goodToken, startTokenServer } from '../support/token-server.ts';

const destination = destinationNamed('tickets');
const secret = 'the-secret-token-4711';

function everythingIn(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

test('A token is in no error, warning, event or file, whatever the authority does with it', async (context) => {
  const echo = { error: secret, error_description: secret, access_token: secret };
  const answers: readonly (readonly [string, Behaviour])[] = [
    ['issued', goodToken({ access_token: secret })],
    ['of a wrong type', goodToken({ access_token: secret, token_type: secret })],
    ['of a wider scope', goodToken({ access_token: secret, scope: 'everything' })],
    ['in an error', { status: 400, json: echo }],
    ['in an error of the server', { status: 500, json: echo }],
    ['in a challenge', { status: 401, json: echo, headers: { 'www-authenticate': `Bearer error="${secret}"` } }],
    ['in malformed JSON', { text: `{"access_token":"${secret}"` }],
    ['in a redirect', { status: 302, text: '', headers: { location: `https://elsewhere.example/?token=${secret}` } }],
  ];
  for (const [name, behaviour] of answers) {
    await context.test(name, async () => {
      await using stack = new AsyncDisposableStack();
      const folder = stack.use(temporaryFolder());
      const server = stack.use(await startTokenServer());
      const client = await authorityFor(server.issuer, folder.path);
      server.script('/token', behaviour);
      server.script('/revoke', { status: 500, json: echo });
      const providers = new Map([[destination, exchangeProvider(client)]]);
      const rig = stack.use(startBroker({ folder: folder.path, providers }));
      const result = await Promise.resolve()
        .then(async () => rig.broker.obtain(permitFor({ destination })))
        .catch((error: unknown) => error);
      await rig.broker.revokeTask('task_1');
      const assertion = server.seen.find(({ path }) => path === '/token')?.form.get('client_assertion') ?? 'none';
      const written = [inspect(result, { depth: 9, showHidden: true }), JSON.stringify(result), inspect(rig.broker, { depth: 9 })];
      const all = [...written, ...rig.warnings, JSON.stringify(rig.audit.events), everythingIn(folder.path)].join('\n');
      assert.ok(!all.includes(secret), 'the token');
      assert.ok(!all.includes(assertion), 'our own proof of identity');
    });
  }
});

test('An error that a provider throws does not carry its foreign cause', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer());
  const client = await authorityFor(server.issuer, folder.path, {
    fetch: async (url, init) => {
      if (new URL(url).pathname === '/token') throw new TypeError(`fetch failed for ${secret}`, { cause: new Error(secret) });
      return fetch(url, init);
    },
  });
  const rig = stack.use(startBroker({ folder: folder.path, providers: new Map([[destination, exchangeProvider(client)]]) }));
  const error = await Promise.resolve()
    .then(async () => rig.broker.obtain(permitFor({ destination })))
    .catch((failure: unknown) => failure);
  await eventually(() => rig.warnings.length > 0, 'operators are told');
  assert.ok(!inspect(error, { depth: 9 }).includes(secret));
  assert.ok(!rig.warnings.join('\n').includes(secret));
});
