import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAuthority } from '../../src/authority/authority.ts';
import { temporaryFolder } from '../support/broker.ts';
import { call } from '../support/call.ts';
import { controlOf, send } from '../support/control.ts';
import { startOrigin } from '../support/origin.ts';
import { startServe } from '../support/serve.ts';
import { loopback } from '../support/sidecar.ts';
import { openWire } from '../support/wire.ts';
import { createWorkloadIssuer } from '../support/workload-issuer.ts';

const audience = 'https://tickets.example.com';
const inFile = 'secret-in-a-file-4711';
const inEnv = 'secret-in-the-environment-4712';
/** What the agent holds or makes up; none of it may turn up anywhere either. */
const ofAgent = {
  authorization: 'agents-own-bearer-4713',
  cookie: 'agents-own-cookie-4714',
  apiKey: 'agents-own-api-key-4715',
  query: 'agents-own-query-value-4716',
  userInfo: 'agents-own-user-info-4717',
  guess: 'agents-guess-of-a-task-4718',
  garbage: 'agents-garbage-4719',
};
const ofOperator = { inline: 'inline-secret-4720', guess: 'guess-of-a-role-token-4721', subjectToken: 'users-token-4722' };

const own = [`Authorization: Bearer ${ofAgent.authorization}`, `Cookie: sid=${ofAgent.cookie}`, `X-Api-Key: ${ofAgent.apiKey}`];

const dated = (value: object) => ({ kind: 'static', header: 'x-token', value, expires: '2999-01-01', reason: 'test' });
const exchange = (scope: string) => ({ kind: 'token-exchange', audience, scope });

/** The spellings in which a secret could come out. */
function spellings(secret: string): string[] {
  const jwtSignature = /^ey[\w-]+\.[\w-]+\.([\w-]+)$/.exec(secret)?.[1];
  return [secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''), encodeURIComponent(secret), jwtSignature ?? secret];
}

/** All files but those that are there to hold a secret. */
function filesIn(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(?:token|key)$|^exeat\.yaml$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

test('no secret is in a log, an audit event, a metric, a file or a reply, whatever goes wrong', async () => {
  await using stack = new AsyncDisposableStack();
  const secrets = stack.use(temporaryFolder()).path;
  const workloads = await createWorkloadIssuer();
  const authority = stack.use(
    await startAuthority({
      listen: '127.0.0.1:0',
      trusted_issuers: [{ issuer: workloads.issuer, jwks: workloads.jwks }],
      resources: { [audience]: { scopes: ['tickets:read'] } },
    }),
  );
  const workloadToken = await workloads.token({ sub: 'agent', aud: authority.issuer });
  const [secretFile, tokenFile] = [join(secrets, 'secret'), join(secrets, 'token')];
  writeFileSync(secretFile, inFile);
  writeFileSync(tokenFile, workloadToken);

  const origin = stack.use(
    await startOrigin((request, response) => {
      const { authorization = '', 'x-token': token = '' } = request.headers;
      if (request.url === '/401')
        return void response.writeHead(401, { 'www-authenticate': authorization }).end(`no: ${authorization} ${String(token)}`);
      if (request.url === '/half') {
        response.writeHead(200, { 'content-length': '100' });
        return void response.write('half', () => response.destroy());
      }
      if (request.url === '/malformed') return void request.socket.end(`HTTP/1.1 200 OK\r\nX: ${authorization}\r\nX Y: 1\r\n\r\n`);
      return void response.end('{}');
    }),
  );
  const at = (name: string, credential: object, more: object = {}) =>
    loopback({ url: `http://${name}.localhost:${origin.port}` }, { connect_to: origin.host, credential, ...more });
  const destinations = {
    file: at('file', dated({ file: secretFile })),
    env: at('env', dated({ env: 'EXEAT_TEST_SECRET' })),
    tickets: at('tickets', exchange('tickets:read')),
    refused: at('refused', exchange('tickets:everything')),
    dead: at('dead', dated({ file: secretFile }), { connect_to: '127.0.0.1:1' }),
    tls: { hosts: ['tls.example'], connect_to: origin.host, allow_private: true, credential: exchange('tickets:read') },
  };
  const serve = stack.use(
    await startServe(
      {
        destinations,
        identity: { source: 'file', path: tokenFile },
        authority: { issuer: authority.issuer, allow_private: true, unsafe_cleartext: true },
        audit: { inputs: true },
        log: { level: 'debug' },
      },
      { EXEAT_TEST_SECRET: inEnv },
    ),
  );
  const { proxy, health, control } = serve.sidecar;
  const orchestrator = controlOf(serve, 'orchestrator');
  const operator = controlOf(serve, 'operator');
  const { body: opened } = await orchestrator('POST', '/v1/tasks', { intent: 'work' });
  const credential = String(opened['credential']);
  const authorization = `Basic ${btoa(credential.replace('.', ':'))}`;

  const replies: string[] = [];
  const codes: (string | undefined)[] = [];
  const ask = async (url: string, fields: readonly string[] = own) => {
    const answer = await call(url, { proxy, authorization, fields });
    replies.push(answer.head, answer.body);
    codes.push(answer.code ?? String(answer.status));
  };
  const port = origin.port;
  for (const name of ['file', 'env', 'tickets']) {
    for (const path of ['/', '/401', '/401', '/half', '/malformed', `/?q=${ofAgent.query}`, `/?api_key=${ofAgent.query}`]) {
      await ask(`http://${name}.localhost:${port}${path}`);
    }
  }
  await ask(`http://refused.localhost:${port}/`);
  await ask(`http://dead.localhost:${port}/`);
  await ask('http://tls.example/');
  await ask(`http://file.localhost:${port}/`, [...own, ...own]);
  await ask(`http://file.localhost:${port}/`, [...own, `X-Large: ${'x'.repeat(20_000)}${ofAgent.apiKey}`]);
  for (const raw of [
    `GET http://agent:${ofAgent.userInfo}@file.localhost/ HTTP/1.1\r\nHost: file.localhost\r\n\r\n`,
    `GET http://file.localhost/ HTTP/1.1\r\nHost: file.localhost\r\nProxy-Authorization: Basic ${btoa(`task:${ofAgent.guess}`)}\r\nConnection: close\r\n\r\n`,
    `CONNECT file.localhost:443 HTTP/1.1\r\nHost: file.localhost:443\r\nProxy-Authorization: ${authorization}\r\n\r\n`,
    `${ofAgent.garbage} ${ofAgent.garbage}\r\n\r\n`,
  ]) {
    await using wire = await openWire(proxy);
    wire.send(raw);
    replies.push(await wire.closed());
  }
  const told = async (asked: Promise<{ readonly headers: object; readonly body: object }>) => {
    const { headers, body } = await asked;
    replies.push(JSON.stringify(headers), JSON.stringify(body));
  };
  await told(operator('GET', '/v1/tasks'));
  await told(operator('GET', `/v1/tasks/${String(opened['id'])}`));
  await told(operator('GET', '/v1/identity'));
  await told(controlOf(serve, { token: credential })('GET', `/v1/tasks/${String(opened['id'])}`));
  await told(controlOf(serve, { token: ofOperator.guess })('GET', '/v1/tasks'));
  await told(orchestrator('POST', '/v1/tasks', { intent: 'work', subject_token: ofOperator.subjectToken, [ofOperator.subjectToken]: 1 }));
  await told(
    operator('POST', '/v1/explain', { task: opened['id'], method: 'GET', url: `http://tickets.localhost:${port}/?q=${ofAgent.query}` }),
  );
  for (const text of [
    `destinations: { file: { hosts: [a.example], credential: { kind: static, value: ${ofOperator.inline} } } }`,
    `destinations:\n  file:\n    credential: { value: "${ofOperator.inline}\n`,
    `control: { tokens: { operator: ${ofOperator.inline} } }\ndestinations: { file: *${ofOperator.inline} }`,
    `destinations: { file: |${ofOperator.inline} }`,
    `audit: { signing_key: ${ofOperator.inline} }`,
  ]) {
    serve.rewrite(text);
    await told(operator('POST', '/v1/reload'));
  }
  for (const path of ['/metrics', '/readyz', '/healthz']) await told(send(health, { path }));
  assert.equal((await send(control, { path: '/v1/tasks' })).status, 403);
  await told(operator('POST', `/v1/tasks/${String(opened['id'])}/complete`));
  assert.equal(await serve.stop(), 0);

  // It has all happened: credentials went out and each way of failing was met.
  for (const code of [
    '200',
    'credential_rejected',
    'credential_in_query',
    'upstream_malformed',
    'credential_unavailable',
    'connect_failed',
    'tls_handshake_failed',
    'malformed_request',
    'headers_too_large',
  ]) {
    assert.ok(codes.includes(code), `${code} in ${codes.join(' ')}`);
  }
  const issued = origin.seen.map(({ headers }) => headers.authorization?.replace('Bearer ', '')).filter((token) => token !== undefined);
  assert.ok(new Set(issued).size >= 1);
  assert.ok(
    origin.seen.some(({ headers }) => headers['x-token'] === inFile) && origin.seen.some(({ headers }) => headers['x-token'] === inEnv),
  );
  const roleTokens = ['operator', 'orchestrator', 'agent'].map((role) => readFileSync(join(serve.folder, `${role}.token`), 'utf8').trim());

  const places = { log: serve.output(), files: filesIn(serve.folder), replies: replies.join('\n') };
  assert.match(places.log, /reload failed/);
  assert.match(places.files, /"kind":"call"/);
  const all = [
    inFile,
    inEnv,
    workloadToken,
    ...issued,
    credential.split('.')[1] ?? '',
    authorization.slice(6),
    ...roleTokens,
    ...Object.values(ofAgent),
    ...Object.values(ofOperator),
  ];
  for (const [place, text] of Object.entries(places)) {
    for (const secret of new Set(all)) {
      for (const spelling of spellings(secret))
        assert.ok(!text.includes(spelling), `${spelling} is in ${place}: ${around(text, spelling)}`);
    }
  }
});

function around(text: string, found: string): string {
  const at = text.indexOf(found);
  return text.slice(Math.max(0, at - 200), at + found.length + 100);
}

test('a crash prints no secret that the failing code held', () => {
  const secret = new URL('../../src/secret.ts', import.meta.url).href;
  const script = `
    import { Secret } from ${JSON.stringify(secret)};
    const value = new Secret(process.env.SECRET);
    const credential = { headers: [['authorization', value]], value };
    process.stdout.write(JSON.stringify({ credential }) + String(value) + \`\${value}\`);
    throw Object.assign(new Error('crashed', { cause: { credential } }), { credential });
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, SECRET: inFile },
  });
  assert.equal(status, 1);
  assert.match(stderr, /crashed/);
  assert.match(stderr, /credential: .*Secret/);
  assert.match(stdout, /\[secret\]/);
  assert.ok(!(stdout + stderr).includes(inFile));
});
