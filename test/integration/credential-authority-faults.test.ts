import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalOf } from '../../src/errors.ts';
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

async function startWith(metadata: Readonly<Record<string, unknown>> = {}, config: object = {}, issueTimeoutMs = 5000) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const server = stack.use(await startTokenServer(metadata));
  const client = await authorityFor(server.issuer, folder.path, { config });
  const fixture = stack.use(
    startBroker({ folder: folder.path, providers: new Map([[destination, exchangeProvider(client)]]), limits: { issueTimeoutMs } }),
  );
  const obtain = async () => fixture.broker.obtain(permitFor({ destination }));
  return { ...fixture, server, obtain, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const hang: Behaviour = () => undefined;
const reset: Behaviour = (response) => void response.socket?.destroy();

test('A token that is not what was asked for is never used, and is revoked at once', async (context) => {
  const unfit: readonly (readonly [string, Behaviour, RegExp])[] = [
    ['a token of another type', goodToken({ token_type: 'mac' }), /not a bearer token/],
    ['a token bound to a key that we do not have', goodToken({ token_type: 'DPoP' }), /not a bearer token/],
    ['no token type', goodToken({ token_type: undefined }), /not a bearer token/],
    ['a refresh token', goodToken({ issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }), /issued_token_type/],
    ['no issued_token_type', goodToken({ issued_token_type: undefined }), /issued_token_type/],
    ['a wider scope', goodToken({ scope: 'tickets:read tickets:admin' }), /scope is wider/],
    ['a line break in the token', goodToken({ access_token: 'abc\r\nx-evil: 1' }), /header field/],
    ['a negative life', goodToken({ expires_in: -1 }), /malformed/],
    ['no life left', goodToken({ expires_in: 0 }), /too soon/],
  ];
  for (const [name, behaviour, reason] of unfit) {
    await context.test(name, async () => {
      await using rig = await startWith();
      rig.server.script('/token', behaviour);
      await assert.rejects(rig.obtain(), { code: 'credential_unavailable', message: reason });
      if (name !== 'no life left') await eventually(() => rig.server.paths().includes('/revoke'), 'it is revoked');
      assert.equal(rig.audit.kinds().at(1), 'issued', 'what was issued is on record');
    });
  }
});

test('A narrower scope than the one asked for is taken, and the lease says so', async () => {
  await using rig = await startWith();
  rig.server.script('/token', goodToken({ scope: '' }));
  assert.equal((await rig.obtain())?.lease.scope, '');
});

test('An answer that holds no token is tried once more, and both tries are on record as unknown', async (context) => {
  const lost: readonly (readonly [string, Behaviour])[] = [
    ['an empty 200', { text: '' }],
    ['malformed JSON', { text: '{"access_token":"abc' }],
    ['JSON without a token', { json: { hello: 1 } }],
    ['a list', { json: [] }],
    ['a connection that breaks', reset],
  ];
  for (const [name, behaviour] of lost) {
    await context.test(name, async () => {
      await using rig = await startWith();
      rig.server.script('/token', behaviour, goodToken());
      assert.ok(await rig.obtain());
      assert.deepEqual(rig.audit.kinds(), ['issuing', 'unknown', 'issuing', 'issued']);
      rig.server.script('/token', behaviour);
      const permit = permitFor({ destination, task: 'task_2' });
      await assert.rejects(async () => rig.broker.obtain(permit), { code: 'credential_unavailable' });
      const unknown = rig.audit.credentialEvents().filter(({ kind }) => kind === 'credential.unknown');
      assert.equal(unknown.length, 3);
      assert.ok((unknown[0]?.dead_by ?? 0) > Date.now() + 290_000, 'it may live as long as any token of this kind');
    });
  }
});

test('An authority that hangs costs one time limit, and what may have been issued is on record as unknown', async () => {
  await using rig = await startWith({}, {}, 300);
  rig.server.script('/token', hang);
  await assert.rejects(rig.obtain(), { code: 'credential_unavailable', message: /in time/ });
  await eventually(() => rig.audit.kinds().includes('unknown'), 'it is on record');
});

test('An authority that trickles its answer is given up at the same limit', async () => {
  await using rig = await startWith({}, {}, 300);
  rig.server.script('/token', (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(timer));
  });
  const startedAt = Date.now();
  await assert.rejects(rig.obtain(), { code: 'credential_unavailable' });
  assert.ok(Date.now() - startedAt < 3000);
});

test('An answer without end is cut off', async () => {
  await using rig = await startWith();
  rig.server.script('/token', (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => {
      while (response.write(Buffer.alloc(64 * 1024, 32)));
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(rig.obtain(), { code: 'credential_unavailable' });
});

test('Redirects are errors: no token is sent on', async () => {
  await using rig = await startWith();
  await using other = await startTokenServer();
  rig.server.script('/token', { status: 307, headers: { location: `${other.issuer}/token` }, text: '' });
  await assert.rejects(rig.obtain(), { code: 'credential_unavailable', message: /answered 307/ });
  assert.deepEqual(other.seen, []);
});

test('After invalid_client one more request is made, with a new proof of who we are', async () => {
  await using rig = await startWith();
  rig.server.script('/token', { status: 401, json: { error: 'invalid_client' }, headers: { 'www-authenticate': 'Basic' } }, goodToken());
  assert.ok(await rig.obtain());
  const [first, second] = rig.server.seen.filter(({ path }) => path === '/token').map(({ form }) => form.get('client_assertion'));
  assert.notEqual(first, second);
  assert.deepEqual(rig.audit.kinds(), ['issuing', 'issued'], 'it is one issuance');
});

test('invalid_client twice is a refusal', async () => {
  await using rig = await startWith();
  rig.server.script('/token', { status: 401, json: { error: 'invalid_client', error_description: 'secret words' } });
  await assert.rejects(rig.obtain(), (error: Error) => /401 invalid_client/.test(error.message) && !/secret words/.test(error.message));
  assert.deepEqual(rig.server.paths(), ['/token', '/token']);
});

test('Retry-After is honoured, in seconds and as a date', async () => {
  for (const value of ['120', new Date(Date.now() + 120_000).toUTCString()]) {
    await using rig = await startWith();
    rig.server.script('/token', { status: 429, text: '', headers: { 'retry-after': value } });
    const refusal = await rig.obtain().then(() => undefined, refusalOf);
    assert.ok(Math.abs((refusal?.retryAfterS ?? 0) - 120) <= 2, String(refusal?.retryAfterS));
  }
});

test('Metadata of another issuer is refused before anything is sent', async (context) => {
  for (const [name, issuer] of [
    ['another host', 'http://127.0.0.2:1'],
    ['equivalent, but not identical', undefined],
  ] as const) {
    await context.test(name, async () => {
      await using rig = await startWith();
      const document = { issuer: issuer ?? `${rig.server.issuer}/`, token_endpoint: `${rig.server.issuer}/token` };
      rig.server.script('/.well-known/oauth-authorization-server', { json: document });
      await assert.rejects(rig.obtain(), { code: 'credential_unavailable', message: /metadata/ });
      assert.deepEqual(rig.server.paths(), []);
    });
  }
});

test('An endpoint that would take a token onto a clear wire is refused', async () => {
  await using rig = await startWith({ token_endpoint: 'http://idp.example.com/token' });
  await assert.rejects(rig.obtain(), { code: 'credential_unavailable', message: /not https/ });
  assert.deepEqual(rig.audit.kinds(), ['issuing', 'refused']);
});

test('Metadata without a token endpoint, or a refused connection, is a failure in which nothing was issued', async () => {
  await using rig = await startWith({ token_endpoint: undefined });
  await assert.rejects(rig.obtain(), { code: 'credential_unavailable', message: /OAUTH_MISSING_SERVER_METADATA/ });
  await using closed = await startTokenServer();
  await closed[Symbol.asyncDispose]();
  await using other = await startWith({ token_endpoint: `${closed.issuer}/token` });
  await assert.rejects(other.obtain(), { code: 'credential_unavailable', message: /ECONNREFUSED/ });
  assert.deepEqual([...rig.audit.kinds(), ...other.audit.kinds()], ['issuing', 'refused', 'issuing', 'refused']);
});

test('Where there is no OAuth metadata, that of OpenID Connect serves', async () => {
  await using rig = await startWith();
  const document = { issuer: rig.server.issuer, token_endpoint: `${rig.server.issuer}/token` };
  rig.server.script('/.well-known/oauth-authorization-server', { status: 404, text: '' });
  rig.server.script('/.well-known/openid-configuration', { json: document });
  assert.equal((await rig.obtain())?.lease.revocation, 'none', 'this one has no revocation endpoint');
});

test('Metadata is asked for once, and again after a failure', async () => {
  await using rig = await startWith();
  await rig.obtain();
  await rig.broker.obtain(permitFor({ destination, task: 'task_2' }));
  const discoveries = () => rig.server.seen.filter(({ path }) => path.startsWith('/.well-known')).length;
  assert.equal(discoveries(), 1);
  rig.server.script('/token', { status: 503, text: '' }, goodToken());
  await assert.rejects(async () => rig.broker.obtain(permitFor({ destination, task: 'task_3' })));
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  await rig.broker.obtain(permitFor({ destination, task: 'task_4' }));
  assert.equal(discoveries(), 2);
});

test('The assertion has the one audience that was configured', async (context) => {
  for (const [setting, expected] of [
    ['issuer', (issuer: string) => issuer],
    ['token_endpoint', (issuer: string) => `${issuer}/token`],
    ['https://literal.example', () => 'https://literal.example'],
  ] as const) {
    await context.test(setting, async () => {
      await using rig = await startWith({}, { assertion_audience: setting });
      await rig.obtain();
      const sent = rig.server.seen.find(({ path }) => path === '/token')?.form.get('client_assertion') ?? '';
      const claims = JSON.parse(Buffer.from(sent.split('.')[1] ?? '', 'base64url').toString()) as { aud: unknown };
      assert.equal(claims.aud, expected(rig.server.issuer));
    });
  }
});
