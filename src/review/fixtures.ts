import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRefusal } from '../errors.ts';
import { parseYaml } from '../config/document.ts';
import type { Config } from '../config/schema.ts';
import { z } from '../settings.ts';
import { taskWith, type Bench } from './bench.ts';

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
  agent: z.string().default('fixture'),
  subject: z.string().optional(),
  attested: z.boolean().default(true),
  origin: z.enum(['orchestrator', 'self_declared', 'default']).default('orchestrator'),
  planned: z.boolean().default(true),
  time: z.iso.datetime().optional(),
  claims: z.record(z.string(), z.string()).default({}),
  expect: z.enum(['allow', 'deny', 'approval']),
  /** Which policies decide it, all of them. */
  policies: z.array(z.string()).optional(),
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
  const { file, name, expect: expected, policies: by } = given;
  const result = (problem: string | undefined, policies: readonly string[] = []): FixtureResult => ({
    file,
    name,
    ok: problem === undefined,
    problem,
    policies,
  });
  const { config } = bench;
  if (!Object.hasOwn(config.intents, given.intent)) return result(`there is no intent "${given.intent}"`);
  const words = wordsOf(given, config);
  if (typeof words === 'string') return result(words);
  const { intent, agent, subject, attested, origin, planned, time, claims } = given;
  const task = taskWith(config, { intent, agent, subject, attested, origin });
  const read = await bench.read({ ...words, task });
  if (isRefusal(read))
    return result(expected === 'deny' && by === undefined ? undefined : `it is refused before policy is asked: ${read.refused}`);
  if (!task.destinations.has(read.target.destination.name)) {
    return result(
      expected === 'deny' && by === undefined ? undefined : `the intent does not hold the destination "${read.target.destination.name}"`,
    );
  }
  const principal = { id: agent, issuer: 'fixture', subject: agent, kind: 'local' as const, attributes: claims };
  const verdict = await bench.decide({ ...read, principal, task, planned, time: time === undefined ? Date.now() : Date.parse(time) });
  const decision = verdict.decision === 'would_deny' ? 'deny' : verdict.decision;
  const why = verdict.policies.length === 0 ? 'no policy permits it' : `by ${verdict.policies.map((id) => `"${id}"`).join(', ')}`;
  if (verdict.error !== undefined) return result(`policy failed: ${verdict.error}`, verdict.policies);
  if (decision !== expected) return result(`expected ${expected}, and it is ${decision}, ${why}`, verdict.policies);
  if (by !== undefined && by.toSorted().join('\n') !== verdict.policies.toSorted().join('\n')) {
    return result(`expected ${by.map((id) => `"${id}"`).join(', ') || 'no policy'}, and it is ${decision}, ${why}`, verdict.policies);
  }
  return result(undefined, verdict.policies);
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
  const json = body !== undefined && typeof body !== 'string' ? ['content-type', 'application/json'] : [];
  return { method, url, headers: [...json, ...Object.entries(headers).flat()], body: text, websocket: /^ws/i.test(url) };
}

function readDocument(text: string): { readonly value: unknown; readonly problems: readonly string[] } {
  const document = parseYaml(text);
  return { value: document.data, problems: document.problems.map(({ message }) => message) };
}
