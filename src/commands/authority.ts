import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startAuthority } from '../authority/authority.ts';
import type { AuthorityOptions } from '../authority/authority.ts';
import { parseYaml } from '../config/document.ts';
import { createGuardedFetch } from '../egress/client.ts';
import { z } from '../settings.ts';

export const summary = 'a small token service for laptops, CI, demos and tests';

export const help = `Usage: exeat authority [options]

A small OAuth authorization server for laptops, CI, demos and tests: token exchange (RFC 8693) for workloads that
authenticate with a JWT of an issuer you trust, revocation, introspection. In production use your own identity
provider: Keycloak, Okta, Entra ID, Ping, Auth0...

  --trust-jwks ISSUER=FILE   accept workload JWTs with this "iss", signed by a key of this JWKS file (repeatable);
                             for SPIFFE: spiffe://trust-domain=FILE
  --resource URI=SCOPES      issue tokens for this resource with these scopes, comma-separated (repeatable)
  --listen HOST:PORT         default 127.0.0.1:7080
  --issuer URL               default http://HOST:PORT on loopback
  --data DIR                 keep keys, tokens and revocations there; otherwise they end with the process
  --config FILE              YAML with the same settings and more: trusted_issuers, resources, introspection_clients,
                             token_ttl, rotate_keys_every; what is given above is added to it or overrides it

Example:
  exeat authority --trust-jwks spiffe://acme.example=bundle.json --resource https://tickets.example.com=tickets:read`;

const options = {
  listen: { type: 'string' },
  issuer: { type: 'string' },
  data: { type: 'string' },
  config: { type: 'string' },
  'trust-jwks': { type: 'string', multiple: true },
  resource: { type: 'string', multiple: true },
} as const;

/** A mistake of the person at the keyboard: one line, exit code 2. */
class UsageError extends Error {}

/** Serves until SIGTERM or SIGINT; 2 for settings that cannot be used, 1 when it could not start. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await serve(settingsFrom(argv));
    return 0;
  } catch (error) {
    for (const line of linesOf(error)) console.error(`exeat authority: ${line}`);
    if (!(error instanceof UsageError || error instanceof z.ZodError)) return 1;
    console.error('"exeat authority --help" shows the options.');
    return 2;
  }
}

async function serve(settings: AuthorityOptions): Promise<void> {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  const ownPorts = new Set<number>();
  await using authority = await startAuthority({
    ...settings,
    openFetch: (network) => createGuardedFetch(network, { ownPorts }),
    now: Date.now,
    onEvent: (event) => {
      if (event.type === 'failed') console.error(`exeat authority: ${event.endpoint} failed: ${event.message}`);
    },
  });
  ownPorts.add(authority.port);
  console.log(
    'exeat authority: for laptops, CI, demos and tests; in production use your identity provider (Keycloak, Okta, Entra ID, ...).',
  );
  const kept = settings.data === undefined ? 'nothing outlives this process' : `state in ${settings.data}`;
  console.log(`exeat authority: ready, issuer ${authority.issuer} (${kept})`);
  if (!stopped.signal.aborted) await once(stopped.signal, 'abort');
}

function settingsFrom(argv: readonly string[]): AuthorityOptions {
  const { config, 'trust-jwks': trust = [], resource = [], ...single } = parsed(argv);
  const file = config === undefined ? {} : readSettings(config);
  const trusted = trust.map((text) => {
    const [issuer, path] = splitAt(text, text.indexOf('='), '--trust-jwks ISSUER=FILE');
    return { issuer, jwks_file: path };
  });
  const resources = resource.map((text) => {
    const [uri, scopes] = splitAt(text, text.lastIndexOf('='), '--resource URI=scope1,scope2');
    return [uri, { scopes: scopes.split(',').filter((scope) => scope !== '') }] as const;
  });
  if (trusted.length === 0 && file.trusted_issuers === undefined) {
    throw new UsageError('nobody could authenticate: name an issuer with --trust-jwks ISSUER=FILE, or in --config FILE');
  }
  const settings = {
    ...file,
    ...single,
    trusted_issuers: [...(file.trusted_issuers ?? []), ...trusted],
    resources: { ...file.resources, ...Object.fromEntries(resources) },
  };
  // Whether the values are right is for the schema to say when the authority starts.
  return settings as AuthorityOptions;
}

function parsed(argv: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] {
  try {
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'the options cannot be read', { cause: error });
  }
}

/** As much of the file as has to be known here; the rest passes through. */
const fileShape = z.looseObject({
  trusted_issuers: z.array(z.unknown()).optional(),
  resources: z.record(z.string(), z.unknown()).optional(),
});

function readSettings(path: string): z.output<typeof fileShape> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${path} cannot be read`, { cause });
  }
  const { data, problems } = parseYaml(text);
  const [first] = problems;
  if (first !== undefined) throw new UsageError(`${path}:${first.line ?? 1}: ${first.message}`);
  return fileShape.parse(data ?? {});
}

function splitAt(text: string, at: number, form: string): readonly [string, string] {
  if (at <= 0 || at === text.length - 1) throw new UsageError(`expected ${form}, not "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof z.ZodError) return error.issues.map(({ path, message }) => [path.join('.'), message].filter(String).join(': '));
  return [error instanceof Error ? error.message : 'could not start'];
}
