// npm run demo: authority, protected API and sidecar as real processes on loopback, and an ordinary client that calls
// an https:// URL and knows only https_proxy and a CA.
import { request } from 'node:https';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { stringify } from 'yaml';
import { createRoot } from '../support/certificates.ts';
import { startProcess, type Running } from './process.ts';
import { createStory } from './story.ts';

const exeat = new URL('../../src/main.ts', import.meta.url).pathname;
const here = (name: string) => new URL(name, import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'exeat-demo-'));
const file = (name: string) => join(folder, name);
const base = 'https://items.demo.example';
const policy = `@id("triage reads items")
permit (principal, action in Action::"read", resource in Destination::"items")
when { context.task.intent == Intent::"triage" };
`;

const story = createStory();
const running: Running[] = [];
const started = (process: Running) => (running.push(process), process);

try {
  await play();
} catch (error) {
  story.differs(error instanceof Error ? error.message : String(error));
} finally {
  for (const process of running.reverse()) await process.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = story.finish();

async function play(): Promise<void> {
  story.title('An agent gets access per task');

  story.step('The platform gives the workload an identity: a short-lived token in a file. That is all the registration there is.');
  const platform = await generateKeyPair('ES256');
  writeFileSync(
    file('platform.jwks.json'),
    JSON.stringify({ keys: [{ ...(await exportJWK(platform.publicKey)), kid: 'platform', alg: 'ES256' }] }),
  );
  const secret = crypto.randomUUID();
  writeFileSync(file('introspection.secret'), secret);

  const root = await createRoot();
  const { cert, key } = await root.issue(['items.demo.example']);
  writeFileSync(file('root.pem'), root.pem);
  writeFileSync(file('api.pem'), cert);
  writeFileSync(file('api.key'), key, { mode: 0o600 });
  const api = started(startProcess('api', here('api.ts'), [`${base}/`, file('api')], { INTROSPECTION_SECRET: secret }));
  const apiPort = Number((await api.message((message) => 'port' in message))['port']);
  writeFileSync(file('authority.yaml'), stringify(authoritySettings()));
  const authority = started(startProcess('authority', exeat, ['authority', '--config', file('authority.yaml')]));
  const issuer = (await authority.line(/ready, issuer (\S+)/))[1] ?? '';
  api.send({ issuer });
  const workloadToken = await new SignJWT({ 'kubernetes.io': { namespace: 'agents', serviceaccount: { name: 'triage', uid: 'demo' } } })
    .setProtectedHeader({ alg: 'ES256', kid: 'platform' })
    .setIssuer('https://platform.demo.example')
    .setSubject('system:serviceaccount:agents:triage')
    .setAudience(issuer)
    .setIssuedAt()
    .setExpirationTime('1h')
    .setJti(crypto.randomUUID())
    .sign(platform.privateKey);
  writeFileSync(file('token'), workloadToken, { mode: 0o600 });

  mkdirSync(file('policies'));
  writeFileSync(file('policies/demo.cedar'), policy);
  writeFileSync(file('exeat.yaml'), stringify(sidecarSettings(issuer, apiPort)));
  const sidecar = started(startProcess('exeat', exeat, ['serve', '--config', file('exeat.yaml')]));
  const ready = JSON.parse((await sidecar.line(/^(\{.*"msg":"ready".*\})$/m))[1] ?? '{}') as { control: string };
  story.tell(`authority ${issuer}   api ${base} (on 127.0.0.1:${apiPort})   sidecar control ${ready.control}`);

  story.step('An orchestrator opens a task with the intent "triage"; the agent gets nothing but a proxy URL, and the CA to trust.');
  const control = controlClient(ready.control, readFileSync(file('orchestrator.token'), 'utf8').trim());
  const task = await control('POST', '/v1/tasks', { intent: 'triage', ttl: '5m', plan: ['items read /items', 'items read /events'] });
  const agent = (what: string) =>
    started(
      startProcess(`agent ${what}`, here('agent.ts'), [what, base], {
        https_proxy: String(task['proxy_url']),
        NODE_USE_ENV_PROXY: '1',
        NODE_EXTRA_CA_CERTS: file('trust/ca.pem'),
      }),
    );

  story.step(
    'The agent reads an https:// URL. Exeat speaks TLS with it under its own CA, so that it can see the call: policy allows it, Exeat exchanges the workload identity for a token of this task, and forwards.',
  );
  const read = agent('read');
  story.expect('an allowed read', await read.message((message) => 'status' in message), { status: 200 });
  const items = await read.message((message) => 'end' in message);
  story.tell(`the API saw: ${String(items['text']).trim()}`);
  const token = String((await api.message((message) => 'token' in message))['token']);

  story.step('The agent writes: no policy allows that in this task, so nothing is sent.');
  const write = agent('write');
  story.expect('a denied write', await write.message((message) => 'status' in message), { status: 403 });
  story.tell(`the agent was told: ${detail(await write.message((message) => 'end' in message))}`);

  story.step('The agent follows a stream of events, and the task is revoked meanwhile.');
  const stream = agent('stream');
  story.expect('an open stream', await stream.message((message) => 'status' in message), { status: 200 });
  await stream.message((message) => typeof message['chunk'] === 'string' && message['chunk'].includes('event'));
  const report = await control('POST', `/v1/tasks/${String(task['id'])}/revoke`);
  story.expect('a stream cut by the revocation', await stream.message((message) => 'end' in message), { end: 'broken' });
  const leases = report['leases'] as readonly Record<string, unknown>[];
  story.expect('a lease revoked with proof', leases[0] ?? {}, { outcome: 'revoked', proof: 'introspected' });
  story.tell(`dead by ${String(leases[0]?.['dead_by'])} at the latest, also where tokens are checked offline`);

  story.step('The agent tries again after the end.');
  const late = agent('read');
  story.expect('a call after the end', await late.message((message) => 'status' in message), { status: 403 });
  story.tell(`the agent was told: ${detail(await late.message((message) => 'end' in message))}`);

  story.step('Someone kept the token that had been issued and sends it straight to the API.');
  story.expect('the very token, behind the back of Exeat', { status: await direct(apiPort, { token, ca: root.pem }) }, { status: 401 });

  story.step('All of it is in the audit log.');
  await sidecar.stop();
  const log = readFileSync(file('audit.ndjson'), 'utf8');
  for (const line of log.split('\n').filter(Boolean)) story.audit(JSON.parse(line) as Record<string, unknown>);
  story.expect('no token in the log', { leaked: log.includes(token) || log.includes(workloadToken) }, { leaked: false });
  const proofs = ['--public-key', file('state/audit-public.pem'), '--head', file('state/audit-head.json')];
  const verify = started(startProcess('verify', exeat, ['audit', 'verify', file('audit.ndjson'), ...proofs]));
  story.expect('the chain verifies', { exit: await verify.exit() }, { exit: 0 });
}

/** Without Exeat: what the API answers to this token. */
function direct(port: number, { token, ca }: { token: string; ca: string }): Promise<number | undefined> {
  const { hostname: servername } = new URL(base);
  const options = { host: '127.0.0.1', port, servername, path: '/items', ca, headers: { authorization: `Bearer ${token}` } };
  return new Promise((resolve, reject) => {
    request(options, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
}

function authoritySettings(): object {
  return {
    listen: '127.0.0.1:0',
    trusted_issuers: [{ issuer: 'https://platform.demo.example', jwks_file: file('platform.jwks.json') }],
    resources: { [`${base}/`]: { scopes: ['items:read', 'items:write'] } },
    introspection_clients: { 'demo-api': { secret: { file: file('introspection.secret') } } },
  };
}

function sidecarSettings(issuer: string, apiPort: number): object {
  return {
    listen: { proxy: '127.0.0.1:0', control: '127.0.0.1:0', health: '127.0.0.1:0' },
    control: { tokens: Object.fromEntries(['operator', 'orchestrator', 'agent'].map((role) => [role, { file: file(`${role}.token`) }])) },
    identity: { source: 'file', path: file('token') },
    authority: { issuer, unsafe_cleartext: true },
    tls: { ca: { directory: file('ca'), publish: file('trust') } },
    tasks: { state: file('state') },
    intents: { triage: { description: 'Sort new items', destinations: ['items'], budget: { calls: 20 } } },
    policy: { engine: 'cedar', directory: file('policies') },
    audit: { to: file('audit.ndjson') },
    destinations: {
      items: {
        hosts: ['items.demo.example'],
        connect_to: `127.0.0.1:${apiPort}`,
        ca: file('root.pem'),
        allow_private: true,
        credential: { kind: 'token-exchange', resource: `${base}/`, scope: 'items:read' },
      },
    },
  };
}

function controlClient(address: string, token: string) {
  return async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`http://${address}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  };
}

function detail(message: Readonly<Record<string, unknown>>): string {
  return String((JSON.parse(String(message['text'])) as Record<string, unknown>)['detail']);
}
