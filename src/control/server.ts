import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ExeatError, isRefusal, refuse, refusalOf, statusOf, type Refusal } from '../errors.ts';
import { problemBody, problemType } from '../problem.ts';
import { openApi } from './openapi.ts';
import { routesOf, type Answer, type Asker, type ControlDeps, type Route } from './routes.ts';
import type { RoleTokens } from './tokens.ts';

export interface ControlOptions extends ControlDeps {
  readonly tokens: RoleTokens;
  /** `host:port` spellings a client may use; undefined on a Unix socket. */
  readonly hosts: () => ReadonlySet<string> | undefined;
  readonly report: (error: unknown) => void;
}

const largestBody = 64 * 1024;
/** Dry runs an agent may ask for in a minute: an evaluation is not free, and policy is not for mapping out. */
const explainsPerMinute = 60;

/** The control API: JSON over HTTP, bearer tokens, problem details (RFC 9457). Never a 401, which MCP clients take for an invitation to sign in. */
export function createControlServer(options: ControlOptions): Server {
  const routes = routesOf(options);
  const document = JSON.stringify(openApi(routes));
  const explains = { minute: 0, count: 0 };
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    void serve(request).then(
      (answer) => send(response, answer),
      (error: unknown) => {
        const refusal = refusalOf(error);
        if (refusal.refused === 'internal_error') options.report(error);
        send(response, refusal);
      },
    );
  });
  return server;

  async function serve(request: IncomingMessage): Promise<Answer | Refusal | string> {
    const hosts = options.hosts();
    if (request.headers.origin !== undefined) return refuse('forbidden', { detail: 'This API is not for browsers: send no Origin.' });
    if (hosts !== undefined && !hosts.has((request.headers.host ?? '').toLowerCase()))
      return refuse('forbidden', { detail: 'The Host is not that of this listener.' });
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const asker = askerOf(request.headers.authorization, options);
    if (asker === undefined) return refuse('forbidden');
    if (path === '/v1/openapi.json' && request.method === 'GET') return document;
    const matching = routes.flatMap((route) => {
      const id = match(route.path, path);
      return id === undefined ? [] : [{ route, id }];
    });
    if (matching.length === 0) return refuse('not_found');
    const found = matching.find(({ route }) => route.method === request.method);
    if (found === undefined)
      return refuse('method_refused', { detail: `Use ${matching.map(({ route }) => route.method).join(' or ')} here.` });
    const { route, id } = found;
    if (!route.roles.includes(asker.role)) return refuse('forbidden');
    if (route.path === '/v1/explain' && asker.role !== 'operator' && tooMany(explains)) return refuse('rate_limited', { retryAfterS: 60 });
    return route.answer({ asker, id, body: await bodyOf(request, route) });
  }
}

function askerOf(authorization: string | undefined, { tokens, tasks }: ControlOptions): Asker | undefined {
  const presented = /^Bearer ([\w.~+/-]+=*)$/i.exec(authorization ?? '')?.[1];
  if (presented === undefined) return undefined;
  const role = tokens.roleOf(presented);
  if (role !== undefined) return { role };
  const task = tasks.holder(`Bearer ${presented}`);
  return task === undefined ? undefined : { role: 'task', task };
}

/** What stands for `{id}`, '' where there is none; undefined = another path. */
function match(template: string, path: string): string | undefined {
  if (template === path) return '';
  const [before = '', after = ''] = template.split('{id}');
  if (!template.includes('{id}') || !path.startsWith(before) || !path.endsWith(after)) return undefined;
  const id = path.slice(before.length, path.length - after.length);
  return /^[\w-]+$/.test(id) ? id : undefined;
}

function tooMany(window: { minute: number; count: number }): boolean {
  const minute = Math.floor(Date.now() / 60_000);
  if (minute !== window.minute) Object.assign(window, { minute, count: 0 });
  window.count += 1;
  return window.count > explainsPerMinute;
}

async function bodyOf(request: IncomingMessage, route: Route): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largestBody)
      throw new ExeatError({ refused: 'body_too_large', detail: 'A request to the control API has at most 64 KiB.' });
    chunks.push(chunk);
  }
  if (route.body === undefined) return undefined;
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) throw invalid('Send application/json.');
  const parsed = route.body.safeParse(json(Buffer.concat(chunks).toString()));
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; '));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('The body is not JSON.');
  }
}

function invalid(detail: string): ExeatError {
  return new ExeatError({ refused: 'invalid_input', detail });
}

function send(response: ServerResponse, answer: Answer | Refusal | string): void {
  const refused = typeof answer !== 'string' && isRefusal(answer) ? answer : undefined;
  const status = refused !== undefined ? statusOf(refused.refused) : typeof answer === 'string' ? 200 : (answer as Answer).status;
  const body = refused !== undefined ? problemBody(refused) : typeof answer === 'string' ? answer : JSON.stringify((answer as Answer).body);
  response.writeHead(status, {
    'content-type': refused === undefined ? 'application/json' : problemType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(refused?.retryAfterS === undefined ? {} : { 'retry-after': String(refused.retryAfterS) }),
    // A body that was refused is not read to its end.
    ...(refused === undefined ? {} : { connection: 'close' }),
  });
  response.end(body);
}
