import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { parse, stringify } from 'yaml';
import { server, stop, type Server } from './processes.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const examples = fileURLToPath(new URL('../config/', import.meta.url));
const platform = 'https://platform.bench.example';
const audience = 'https://bench.example';

export interface Authority extends AsyncDisposable {
  readonly issuer: string;
  /** Exchanges that ended in a token, so far. */
  issued(): Promise<number>;
  /** What a platform would put into the agent's token file. */
  readonly workloadToken: string;
}

/** The embedded authority, trusting a platform that exists for this run. */
export async function startAuthority(): Promise<Authority> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const settings = {
    listen: '127.0.0.1:0',
    trusted_issuers: [{ issuer: platform, jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256' }] } }],
    resources: { [audience]: { scopes: ['work'] } },
  };
  const child = fork(new URL('./authority.ts', import.meta.url), [JSON.stringify(settings)]);
  const ask = async <T>(): Promise<T> => ((await once(child, 'message')) as [T])[0];
  const { issuer } = await ask<{ issuer: string }>();
  const workloadToken = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'bench' })
    .setIssuer(platform)
    .setSubject('system:serviceaccount:agents:bench')
    .setAudience(issuer)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime('2h')
    .sign(privateKey);
  return {
    issuer,
    workloadToken,
    async issued() {
      const answer = ask<{ issued: number }>();
      child.send({});
      return (await answer).issued;
    },
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** How a call says its task, on either door. */
export interface OpenTask {
  readonly id: string;
  /** Value of `Proxy-Authorization`. */
  readonly proxyAuthorization: string;
  /** Value of `Exeat-Task`. */
  readonly credential: string;
}

export interface Sidecar extends Server {
  open(): Promise<OpenTask>;
  metrics(): Promise<string>;
  /** PEM of what clients of its tunnels must trust. */
  trust(): string;
  /** From the process being started to its word that it is ready. */
  readonly readyAfterMs: number;
}

export interface SidecarOptions {
  /** Holds its config, state and audit log; one that was used before is started again. */
  readonly folder: string;
  readonly authority: Authority;
  /** The answering server that stands for every destination. */
  readonly upstream: number;
  /** Stands for the https destinations, where there are any. */
  readonly tls?: TlsUpstream;
  /** More destinations, for the same tasks. */
  readonly destinations?: Readonly<Record<string, object>>;
  /** Cedar text beside the example policies. */
  readonly policies: string;
  /** For Node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

/** A TLS answering server, and the root that vouches for it. */
export interface TlsUpstream {
  readonly port: number;
  readonly rootFile: string;
}

/** `exeat serve` as users run it: the example intents, destinations and policies, led to loopback; the audit chain in a file. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { folder } = options;
  const file = (name: string) => join(folder, name);
  mkdirSync(file('policies'), { recursive: true });
  cpSync(join(examples, 'policies'), file('policies'), { recursive: true, filter: (path) => !/\.(json|ya?ml)$/.test(path) });
  writeFileSync(file('policies/bench.cedar'), options.policies);
  writeFileSync(file('token'), options.authority.workloadToken, { mode: 0o600 });
  writeFileSync(file('exeat.yaml'), stringify(configFor(options)));

  const startedAt = performance.now();
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), main, 'serve', '--config', file('exeat.yaml')], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let ready: { readonly proxy: string; readonly control: string; readonly health: string } | undefined;
  for await (const line of createInterface(child.stderr)) {
    if (line.includes('"msg":"ready"')) {
      ready = JSON.parse(line) as typeof ready;
      break;
    }
    if (!/"level":[34]0/.test(line)) console.error(line);
  }
  const readyAfterMs = performance.now() - startedAt;
  if (ready === undefined) throw new Error('the sidecar did not start');
  child.stderr.on('data', (text: Buffer) => {
    // It warns that loopback is clear text, and says when it stops; errors are news.
    if (!/"level":[34]0/.test(text.toString())) process.stderr.write(text);
  });
  const { proxy, control, health } = ready;
  const token = readFileSync(file('orchestrator.token'), 'utf8').trim();
  return {
    ...server(child, Number(proxy.split(':').at(-1))),
    readyAfterMs,
    async open() {
      const response = await fetch(`http://${control}/v1/tasks`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ intent: 'triage', ttl: '1h' }),
      });
      const opened = (await response.json()) as { readonly id: string; readonly proxy_url: string; readonly credential: string };
      if (!response.ok) throw new Error(`no task: ${JSON.stringify(opened)}`);
      const { username, password } = new URL(opened.proxy_url);
      const proxyAuthorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
      return { id: opened.id, proxyAuthorization, credential: opened.credential };
    },
    trust: () => readFileSync(file('state/ca-public/ca.pem'), 'utf8'),
    metrics: async () => (await fetch(`http://${health}/metrics`)).text(),
  };
}

/** Milliseconds of `exeat run -- true` with the smallest configuration, without those of `true` itself. */
export async function timeOfRun(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'exeat-bench-run-'));
  try {
    mkdirSync(join(folder, 'policies'));
    const config = {
      intents: { try: { description: 'Try', destinations: ['api'] } },
      policy: { engine: 'cedar', directory: join(folder, 'policies') },
      destinations: { api: { hosts: ['api.example.com'] } },
    };
    writeFileSync(join(folder, 'exeat.yaml'), stringify(config));
    const time = async (command: string, argv: readonly string[]) => {
      const startedAt = performance.now();
      const child = spawn(command, argv, { stdio: 'ignore', env: { ...process.env, XDG_STATE_HOME: folder } });
      const [code] = (await once(child, 'exit')) as [number];
      if (code !== 0) throw new Error(`${command} ${argv.join(' ')} ended with ${code}`);
      return performance.now() - startedAt;
    };
    const argv = [main, 'run', '--config', join(folder, 'exeat.yaml'), '--intent', 'try', '--quiet', '--', 'true'];
    return (await time(process.execPath, argv)) - (await time('true', []));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Example {
  readonly intents: Readonly<Record<string, { readonly destinations: readonly string[] }>>;
  readonly destinations: Readonly<Record<string, { readonly route?: string; readonly operations?: readonly string[] }>>;
}

function configFor({ folder, authority, upstream, tls, destinations: more = {} }: SidecarOptions): object {
  const example = parse(readFileSync(join(examples, 'exeat.yaml'), 'utf8')) as Example;
  const file = (name: string) => join(folder, name);
  const destinations = Object.entries(example.destinations).map(([name, { route, operations }], index) => {
    // Each destination needs an origin of its own; all of 127/8 is loopback.
    const origin = `http://127.0.0.${index + 1}:${upstream}`;
    const reached = route === undefined ? { hosts: [origin] } : { route, url: `${origin}/api` };
    const network = { allow_private: true, unsafe_cleartext: true, connect_to: `127.0.0.1:${upstream}` };
    const credential = { kind: 'token-exchange', resource: audience, scope: 'work' };
    return [name, { ...reached, ...network, ...(operations && { operations }), credential }] as const;
  });
  const intents = Object.entries(example.intents).map(([name, intent]) => [
    name,
    {
      ...intent,
      destinations: [...Object.keys(example.destinations), ...(tls ? ['intercepted', 'wild'] : []), ...Object.keys(more)],
      max_ttl: '1h',
      budget: { calls: 1_000_000_000 },
    },
  ]);
  return {
    listen: { proxy: '127.0.0.1:0', control: '127.0.0.1:0', health: '127.0.0.1:0' },
    control: {
      tokens: Object.fromEntries(['operator', 'orchestrator', 'approver', 'agent'].map((role) => [role, { file: file(`${role}.token`) }])),
    },
    identity: { source: 'file', path: file('token') },
    authority: { issuer: authority.issuer, unsafe_cleartext: true },
    tasks: { state: file('state'), max_open: 20_000, drain: '200ms' },
    intents: Object.fromEntries(intents),
    policy: { engine: 'cedar', directory: file('policies') },
    audit: { to: file('audit.ndjson'), durability: 'batched' },
    destinations: { ...Object.fromEntries(destinations), ...(tls && tlsDestinations(tls)), ...more },
  };
}

/** One that is called over and over, and one whose every host needs a leaf of its own. */
function tlsDestinations({ port, rootFile }: TlsUpstream): object {
  const network = { allow_private: true, connect_to: `127.0.0.1:${port}`, ca: rootFile };
  return {
    intercepted: { hosts: ['bench.example'], ...network, credential: { kind: 'token-exchange', resource: audience, scope: 'work' } },
    wild: { hosts: ['*.bench.example'], ...network, tls: 'intercept' },
  };
}
