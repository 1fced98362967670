import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createWorkloadIssuer } from '../../support/workload-issuer.ts';
import { execute, start, type Ended, type Program, type ProgramOptions } from './program.ts';
import { environment } from './tools.ts';

/** Exeat's own program, for Node to run. */
const main = new URL('../../../src/main.ts', import.meta.url).pathname;

/** `exeat authority` as a process of its own. */
export interface RunningAuthority extends AsyncDisposable {
  readonly issuer: string;
  /** A client that may introspect. */
  readonly introspection: { readonly id: string; readonly secret: string };
  /** A file with a workload's token for this authority: what a platform gives to a workload. */
  readonly tokenFile: string;
}

/** Resources are audiences with their scopes. */
export async function startAuthority(folder: string, resources: Readonly<Record<string, readonly string[]>>): Promise<RunningAuthority> {
  const platform = await createWorkloadIssuer('https://platform.interop.example');
  const secret = crypto.randomUUID();
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const settings = {
    listen: '127.0.0.1:0',
    trusted_issuers: [{ issuer: platform.issuer, jwks_file: file('platform.jwks.json', JSON.stringify(platform.jwks)) }],
    resources: Object.fromEntries(Object.entries(resources).map(([uri, scopes]) => [uri, { scopes }])),
    introspection_clients: { api: { secret: { file: file('introspection.secret', secret) } } },
  };
  const program = exeat(['authority', '--config', file('authority.yaml', stringify(settings))]);
  const issuer = (await program.until(/ready, issuer (\S+)/))[1] ?? '';
  const expiresAt = Math.floor(Date.now() / 1000) + 3600;
  const token = await platform.token({ sub: 'agents/interop', aud: issuer, exp: expiresAt, jti: crypto.randomUUID() });
  return {
    issuer,
    introspection: { id: 'api', secret },
    tokenFile: file('workload.token', token),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** An open task, completed when it is disposed of. */
export interface OpenTask extends AsyncDisposable {
  readonly id: string;
  /** With the task's credential as user info. */
  readonly proxyUrl: URL;
  /** Ends it at once, as an orchestrator does. */
  revoke(): Promise<void>;
  /** Completes it, and gives the events of its calls: all of them are on disk then. */
  calls(): Promise<readonly AuditEvent[]>;
}

/** `exeat serve` as a process of its own. */
export interface RunningSidecar extends AsyncDisposable {
  /** `host:port`, as for the control listener. */
  readonly proxy: string;
  /** The variables that make clients trust its CA: what "exeat ca env" prints. */
  readonly trust: Readonly<Record<string, string>>;
  open(intent: string): Promise<OpenTask>;
  /** All events that the audit log has on disk. */
  events(): readonly AuditEvent[];
  /** Starts a command under `exeat run`, by the same configuration and with an audit log of its own. */
  run(command: readonly string[], options: ProgramOptions): Program;
}

export type AuditEvent = Readonly<Record<string, unknown>>;

/** What `exeat run --json` says when its command has ended, with the audit log of the run. */
export function readRun({ stderr }: Ended): { readonly task: string; readonly revoked: number; readonly events: readonly AuditEvent[] } {
  const { task, revoked, audit } = JSON.parse(/^\{"task":.*$/m.exec(stderr)?.[0] ?? '{}') as {
    task: string;
    revoked: number;
    audit: string;
  };
  return { task, revoked, events: readEvents(audit) };
}

function readEvents(file: string): AuditEvent[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((text) => text !== '').map((text) => JSON.parse(text) as AuditEvent);
}

/** `settings` are the parts of exeat.yaml that differ from case to case; `policy` is Cedar, or the whole key. */
export async function startSidecar(
  folder: string,
  { policy, ...settings }: { readonly policy: string | object; readonly [key: string]: unknown },
): Promise<RunningSidecar> {
  mkdirSync(join(folder, 'policies'));
  if (typeof policy === 'string') writeFileSync(join(folder, 'policies/interop.cedar'), policy);
  const tokenFile = (role: string): string => join(folder, `${role}.token`);
  const whole = {
    listen: { proxy: '127.0.0.1:0', control: '127.0.0.1:0', health: '127.0.0.1:0' },
    control: { tokens: Object.fromEntries(['operator', 'orchestrator', 'agent'].map((role) => [role, { file: tokenFile(role) }])) },
    tasks: { state: join(folder, 'state') },
    policy: typeof policy === 'string' ? { engine: 'cedar', directory: join(folder, 'policies') } : policy,
    audit: { to: join(folder, 'audit.ndjson') },
    ...settings,
  };
  const file = join(folder, 'exeat.yaml');
  writeFileSync(file, stringify(whole));
  const program = exeat(['serve', '--config', file]);
  const [line] = await program.until(/^\{.*"msg":"ready".*\}$/m);
  const { proxy, control } = JSON.parse(line) as { proxy: string; control: string };
  const token = readFileSync(tokenFile('orchestrator'), 'utf8').trim();

  async function post(path: string, body: object): Promise<Record<string, unknown>> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`http://${control}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  }

  const events = (): readonly AuditEvent[] => readEvents(join(folder, 'audit.ndjson'));

  return {
    proxy,
    trust: await readTrust(file),
    async open(intent) {
      const { id, proxy_url: proxyUrl } = await post('/v1/tasks', { intent, ttl: '10m' });
      const complete = async (): Promise<void> => void (await post(`/v1/tasks/${String(id)}/complete`, {}));
      return {
        id: String(id),
        proxyUrl: new URL(String(proxyUrl)),
        revoke: async () => void (await post(`/v1/tasks/${String(id)}/revoke`, {})),
        async calls() {
          await complete();
          for (;;) {
            const mine = events().filter(({ task }) => task === id);
            // The end waits for no event, but is the last one of the task.
            if (mine.some(({ kind }) => kind === 'task.completed')) return mine.filter(({ kind }) => kind === 'call');
            await delay(20);
          }
        },
        [Symbol.asyncDispose]: complete,
      };
    },
    events,
    run: (command, options) => start(process.execPath, [main, 'run', '--json', '--config', file, '--', ...command], options),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

async function readTrust(file: string): Promise<Record<string, string>> {
  const { JAVA_TOOL_OPTIONS: _mine, ...env } = environment();
  const printed = await execute(process.execPath, [main, 'ca', 'env', '--config', file], { env });
  return Object.fromEntries([...printed.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = '', value = '']) => [name, value]));
}

function exeat(argv: readonly string[]): Program {
  return start(process.execPath, [main, ...argv], { env: environment() });
}
