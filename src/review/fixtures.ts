import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { parseYaml } from '../config/document.ts';
import type { Config } from '../config/schema.ts';
import { didYouMean } from '../nearest.ts';
import type { AccessRequest } from '../policy/policy.ts';
import { z } from '../settings.ts';
import { principalOf, taskWith, type Bench, type Verdict } from './bench.ts';

/** One call, and what is expected of policy. */
const fixture = z.strictObject({
  name: z.string().min(1),
  intent: z.string(),
  /** `GET https://api.github.com/user`; left out for a tool. */
  call: z
    .string()
    .regex(/^[A-Z]+ \S+$/, 'expected a method and a URL')
    .optional(),
  headers: z.record(z.string(), z.string()).default({}),
  /** Text, or what is sent as JSON. */
  body: z.unknown().optional(),
  /** In place of `call`: a tool of an MCP destination. */
  tool: z.strictObject({ destination: z.string(), name: z.string(), arguments: z.record(z.string(), z.unknown()).default({}) }).optional(),
  /** Its id, `issuer|subject` or a SPIFFE id. */
  agent: z.string().default('https://issuer.example|fixture'),
  kind: z.enum(['jwt-svid', 'k8s-sa', 'oidc', 'local']).default('local'),
  claims: z.record(z.string(), z.string()).default({}),
  subject: z.string().optional(),
  origin: z.enum(['orchestrator', 'self_declared', 'default']).default('orchestrator'),
  /** As a task of that origin is, unless said. */
  attested: z.boolean().optional(),
  planned: z.boolean().default(true),
  time: z.iso.datetime().optional(),
  expect: z.enum(['allow', 'deny', 'approval']),
  /** Which policies decide it, all of them. */
  policies: z.array(z.string()).optional(),
  /** With `deny`: the code with which it is refused before policy is asked. */
  refused: z.string().optional(),
});

type Fixture = z.output<typeof fixture>;

export interface FixtureResult {
  readonly file: string;
  readonly name: string;
  readonly ok: boolean;
  /** Why not. */
  readonly problem: string | undefined;
  readonly policies: readonly string[];
}

/** Reads `*.yaml`, `*.yml` and `*.json` of a folder. Throws, naming the file, at what is no list of fixtures. */
export function readFixtures(folder: string): readonly (Fixture & { readonly file: string })[] {
  const files = globSync('**/*.{yaml,yml,json}', { cwd: folder }).toSorted();
  return files.flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const { value, problems } = readDocument(text);
    const read = z.array(fixture).safeParse(value);
    if (problems.length > 0 || !read.success) {
      const why =
        problems[0] ?? (read.success ? '' : read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
      throw new Error(`${join(folder, file)} is no list of fixtures: ${why}`);
    }
    return read.data.map((each) => ({ ...each, file }));
  });
}

export async function runFixture(bench: Bench, given: Fixture & { readonly file: string }): Promise<FixtureResult> {
  const { file, name } = given;
  const request = await requestOf(bench, given);
  const verdict = typeof request === 'string' || isRefusal(request) ? undefined : await bench.decide(request);
  const problem =
    typeof request === 'string'
      ? request
      : isRefusal(request)
        ? unaskedProblem(given, request.refused)
        : verdict && problemOf(given, verdict);
  return { file, name, ok: problem === undefined, problem, policies: verdict?.policies ?? [] };
}

function problemOf({ expect, policies: by, refused }: Fixture, { said, policies, error }: Verdict): string | undefined {
  if (error !== undefined) return `policy failed: ${error}`;
  const found = `it is ${said}, ${policies.length === 0 ? 'no policy permits it' : `by ${listed(policies)}`}`;
  if (refused !== undefined) return `expected "${refused}", and policy is asked: ${found}`;
  if (said !== expect) return `expected ${expect}, and ${found}`;
  const alike = by === undefined || by.toSorted().join('\n') === policies.toSorted().join('\n');
  return alike ? undefined : `expected ${listed(by) || 'no policy'}, and ${found}`;
}

/** A slip in a URL must not make a denial come true. */
function unaskedProblem({ expect, refused }: Fixture, code: string): string | undefined {
  if (refused === code && expect === 'deny') return undefined;
  const expected = refused === undefined ? `expected policy's ${expect}` : `expected "${refused}"`;
  return `${expected}, and it is refused before policy is asked: "refused: ${code}"`;
}

/** A text says what is wrong with the fixture. */
async function requestOf(bench: Bench, given: Fixture): Promise<AccessRequest | Refusal | string> {
  const { config } = bench;
  const { intent, agent, kind, claims, subject, origin, attested = origin === 'orchestrator', planned, time } = given;
  if (!Object.hasOwn(config.intents, intent)) return `there is no intent "${intent}"${didYouMean(intent, Object.keys(config.intents))}`;
  const words = wordsOf(given, config);
  if (typeof words === 'string') return words;
  const task = taskWith(config, { intent, agent, subject, attested, origin });
  const read = await bench.read({ ...words, task });
  if (isRefusal(read)) return read;
  if (!task.destinations.has(read.target.destination.name)) return refuse('destination_outside_intent');
  return {
    ...read,
    principal: principalOf(agent, { kind, claims }),
    task,
    planned,
    time: time === undefined ? Date.now() : Date.parse(time),
  };
}

function listed(ids: readonly string[]): string {
  return ids.map((id) => `"${id}"`).join(', ');
}

interface Words {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly websocket: boolean;
}

/** What a client would send; a text says why there is nothing. */
function wordsOf({ call, tool, headers, body }: Fixture, config: Config): Words | string {
  if ((call === undefined) === (tool === undefined)) return 'give either "call" or "tool"';
  if (tool !== undefined) {
    const settings = config.destinations[tool.destination];
    if (settings?.protocol !== 'mcp') return `there is no destination "${tool.destination}" with "protocol: mcp"`;
    const host = settings.hosts?.find(({ name }) => !name.startsWith('*.'));
    const url =
      host === undefined ? `http://exeat${settings.route}` : `${host.scheme}://${host.name}:${host.port}${settings.mcp?.path ?? '/mcp'}`;
    const params = { name: tool.name, arguments: tool.arguments };
    const message = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    return { method: 'POST', url, headers: ['content-type', 'application/json'], body: message, websocket: false };
  }
  const [method = '', url = ''] = (call ?? '').split(' ');
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  const json = body !== undefined && typeof body !== 'string' && !isTyped ? ['content-type', 'application/json'] : [];
  return { method, url, headers: [...json, ...Object.entries(headers).flat()], body: text, websocket: /^ws/i.test(url) };
}

function readDocument(text: string): { readonly value: unknown; readonly problems: readonly string[] } {
  const document = parseYaml(text);
  return { value: document.data, problems: document.problems.map(({ message }) => message) };
}
