import { mkdirSync, writeFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { createCertificate } from './certificate.ts';
import { goProgram } from './go-program.ts';
import { execute, start } from './program.ts';
import { environment, tool } from './tools.ts';

const version = 'v1.22.2';

export const rule = 'exeat/decision';

/** Reads go in the intent `work`; a write needs someone's yes; nothing else. */
export const policy = `package exeat

default decision := {"allow": false}

decision := {"allow": true, "policies": ["reads"]} if {
	input.action.properties.group == "read"
	input.context.task.intent == "work"
	data.allowed[input.resource.properties.destination]
}

decision := {"allow": true, "policies": ["writes"], "obligations": [{"type": "approval", "id": "writes"}]} if {
	input.action.name == "POST"
	startswith(input.context.http.path, "/orders/")
}
`;

/** What the policy knows besides. */
const data = JSON.stringify({ allowed: { api: true }, ratio: 1.0, note: 'a\u2028<b>' });

/** The policy and its data. */
export const files = { 'exeat.rego': policy, 'data.json': data };

function opa(): Promise<string> {
  return goProgram('github.com/open-policy-agent/opa', version);
}

export interface OpaServer extends AsyncDisposable {
  readonly url: string;
  /** PEM of its root. */
  readonly ca: string;
  readonly tokenFile: string;
}

/** A real OPA over TLS with these files, which answers whoever has the token. */
export async function startOpa(folder: string, files: Readonly<Record<string, string>>): Promise<OpaServer> {
  const token = crypto.randomUUID();
  const tokenFile = write(folder, 'opa.token', token);
  const { file } = await createCertificate(folder, ['localhost']);
  const key = join(folder, 'server.key');
  const sources = join(folder, 'opa');
  mkdirSync(sources);
  for (const [name, text] of Object.entries(files)) write(sources, name, text);
  const mayAsk = `package system.authz\n\ndefault allow := false\n\nallow if input.identity == "${token}"\n`;
  write(sources, 'authz.rego', mayAsk);
  const port = await freePort();
  const options = ['--authentication=token', '--authorization=basic', `--tls-cert-file=${file}`, `--tls-private-key-file=${key}`];
  const argv = ['run', '--server', `--addr=127.0.0.1:${port}`, '--set=decision_logs.console=true', ...options, sources];
  const program = start(await opa(), argv, { env: environment() });
  await program.until(/Initializing server/);
  return { url: `https://localhost:${port}`, ca: file, tokenFile, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

export interface Signing {
  /** What signs. */
  readonly privateKey: string;
  /** What a configuration names. */
  readonly publicKey: string;
  readonly algorithm: 'ES256' | 'RS256';
}

export async function createSigning(folder: string, algorithm: Signing['algorithm']): Promise<Signing> {
  const openssl = await tool('openssl');
  const privateKey = join(folder, `${algorithm}.key`);
  const publicKey = join(folder, `${algorithm}.pem`);
  const kind = algorithm === 'ES256' ? ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];
  await execute(openssl, ['genpkey', '-algorithm', ...kind, '-out', privateKey]);
  await execute(openssl, ['pkey', '-in', privateKey, '-pubout', '-out', publicKey]);
  return { privateKey, publicKey, algorithm };
}

/** Made by `opa build`: WebAssembly, signed. */
export async function buildBundle(
  folder: string,
  { privateKey, algorithm }: Signing,
  { revision, serial, rego = policy }: { readonly revision: string; readonly serial: number; readonly rego?: string },
): Promise<Buffer> {
  const sources = join(folder, revision);
  mkdirSync(sources);
  write(sources, 'exeat.rego', rego);
  write(sources, 'data.json', data);
  write(sources, '.manifest', JSON.stringify({ metadata: { serial } }));
  const archive = join(folder, `${revision}.tar.gz`);
  const signing = ['--signing-key', privateKey, '--signing-alg', algorithm];
  await execute(await opa(), ['build', '-t', 'wasm', '-e', rule, '-r', revision, ...signing, '-o', archive, '--bundle', '.'], {
    env: environment(),
    cwd: sources,
  });
  return readFileSync(archive);
}

/** Made by `opa sign` and tar: whatever is in the folder, signed. */
export async function signFolder(folder: string, { privateKey, algorithm }: Signing): Promise<Buffer> {
  const signing = ['--signing-key', privateKey, '--signing-alg', algorithm];
  await execute(await opa(), ['sign', ...signing, '--bundle', '.'], { env: environment(), cwd: folder });
  const archive = `${folder}.tar.gz`;
  await execute(await tool('tar'), ['-czf', archive, '-C', folder, '.']);
  return readFileSync(archive);
}

export function write(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
