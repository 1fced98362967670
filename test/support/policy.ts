import type { ArgumentType, Destination, PinnedTool } from '../../src/destination.ts';
import type { JsonObject } from '../../src/json-value.ts';
import type { AccessRequest } from '../../src/policy/policy.ts';

/** A destination with the config's defaults. */
export function destination(name: string, more: Partial<Destination> = {}): Destination {
  return {
    name,
    scheme: 'https',
    hosts: [`${name}.example.com`],
    port: 443,
    basePath: '',
    protocol: 'http',
    tls: 'intercept',
    operations: [],
    credentialKind: undefined,
    keepHeaders: new Set(),
    passCookies: false,
    allowEncodedPath: false,
    unsafeReflection: false,
    allowPrivate: false,
    unsafeCleartext: false,
    connectTimeoutMs: 10_000,
    headersTimeoutMs: 60_000,
    idleTimeoutMs: 0,
    ...more,
  };
}

function reviewed(shown: Readonly<Record<string, ArgumentType>>): PinnedTool {
  return { digest: '', arguments: new Map(Object.entries(shown)) };
}

/** The destinations of the policy tests, as the example config has them. */
export const destinations: readonly Destination[] = [
  destination('github', {
    hosts: ['api.github.com'],
    operations: ['/repos/{owner}/{repo}/issues', '/repos/{owner}/{repo}/issues/{number}', '/repos/{owner}/{repo}/issues/{number}/labels'],
  }),
  destination('tickets', {
    hosts: ['tickets.example.com'],
    route: '/tickets',
    basePath: '/api',
    operations: ['/api/tickets', '/api/tickets/{id}'],
  }),
  destination('kb', {
    hosts: ['kb.example.com'],
    protocol: 'mcp',
    tools: new Map([
      ['search', reviewed({ q: 'String', limit: 'Long', strict: 'Bool', tags: 'Strings', ids: 'Longs', ratio: 'Decimal' })],
      ['delete', reviewed({ q: 'String' })],
    ]),
  }),
  destination('legacy-crm', { hosts: ['crm.example.com', '*.crm.example.com'] }),
];

export const intents = { triage: {}, report: {} };

/** What a test says of a call; the rest is a plain read of github's issues by a triage task. */
export interface CallWords {
  readonly destination?: string;
  readonly method?: string;
  readonly group?: 'read' | 'write' | 'mint' | 'websocket';
  readonly host?: string;
  readonly path?: string;
  readonly query?: string;
  /** The template, with `parameters`; else the path is the resource. */
  readonly template?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** A call of this tool of `kb`. */
  readonly tool?: string;
  readonly arguments?: JsonObject;
  readonly intent?: string;
  readonly task?: Partial<AccessRequest['task']>;
  readonly principal?: Partial<AccessRequest['principal']>;
  readonly planned?: boolean;
  readonly time?: string | number;
}

/** An access request from a few words; the group follows from the method. */
export function accessRequest(words: CallWords = {}): AccessRequest {
  const {
    tool,
    destination: name = tool === undefined ? 'github' : 'kb',
    method = 'GET',
    path = '/repos/acme/app/issues',
    template,
    parameters = {},
    time = '2026-06-01',
  } = words;
  const to = destinations.find((each) => each.name === name) ?? destination(name);
  const group = words.group ?? (['GET', 'HEAD', 'OPTIONS'].includes(method) ? 'read' : 'write');
  const operation = { action: method, group, resource: template ?? path, templated: template !== undefined, parameters };
  return {
    principal: { id: 'local:dev@laptop', issuer: 'local', subject: 'dev@laptop', kind: 'local', attributes: {}, ...words.principal },
    task: {
      id: 'task_1',
      intent: words.intent ?? 'triage',
      origin: 'orchestrator',
      agent: 'local:dev@laptop',
      subject: undefined,
      attested: true,
      destinations: new Set([name]),
      plan: new Set(),
      openedAt: 0,
      expiresAt: 1,
      state: 'open',
      ...words.task,
    },
    planned: words.planned ?? true,
    target: { destination: to, host: words.host ?? to.hosts[0] ?? '', path, query: words.query ?? '' },
    operation: tool === undefined ? operation : toolCall(tool, words.arguments ?? {}),
    time: typeof time === 'number' ? time : Date.parse(time),
  };
}

function toolCall(name: string, given: JsonObject): AccessRequest['operation'] {
  const mcp = { method: 'tools/call', name, arguments: given, opaque: false };
  return { action: 'call_tool', group: 'call_tool', method: 'POST', resource: name, templated: true, parameters: {}, mcp };
}
