import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isRefusal, refuse, refusalOf, statusOf, type Refusal } from '../errors.ts';
import { problemBody, problemType } from '../problem.ts';
import { readInput } from './input.ts';
import { openApi } from './openapi.ts';
import { createRateLimit } from './rate-limit.ts';
import { routesOf, type Answer, type Asker, type ControlDeps } from './routes.ts';
import type { RoleTokens } from './tokens.ts';

export interface ControlOptions extends ControlDeps {
  readonly tokens: RoleTokens;
  /** `host:port` spellings a client may use; undefined on a Unix socket. */
  readonly hosts: () => ReadonlySet<string> | undefined;
  readonly report: (error: unknown) => void;
}

/** What the agent and the holders of task credentials may ask for in a minute. Neither policy nor the disk is for them to exhaust. */
const perMinute: Readonly<Record<string, number>> = { 'POST /v1/explain': 60, 'POST /v1/tasks': 60 };

/** The control API: JSON over HTTP, bearer tokens, problem details (RFC 9457). Never a 401, which MCP clients take for an invitation to sign in. */
export function createControlServer(options: ControlOptions): Server {
  const routes = routesOf(options);
  const document = JSON.stringify(openApi(routes));
  const limits = new Map(Object.entries(perMinute).map(([name, most]) => [name, createRateLimit(most)]));
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
    const found = matching.find(({ route }) => route.method === request.method);
    if (found === undefined) return matching.length === 0 ? refuse('not_found') : wrongMethod(matching.map(({ route }) => route.method));
    const { route, id } = found;
    if (!route.roles.includes(asker.role)) return refuse('forbidden');
    const limit = asker.role === 'agent' || asker.role === 'task' ? limits.get(`${route.method} ${route.path}`) : undefined;
    const waitS = limit?.take();
    if (waitS !== undefined) return refuse('rate_limited', { retryAfterS: waitS });
    const read = await readInput(request, route.body);
    return isRefusal(read) ? read : route.answer({ asker, id, body: read.input });
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

function wrongMethod(methods: readonly string[]): Refusal & { readonly allow: string } {
  return { ...refuse('method_refused', { detail: `Use ${methods.join(' or ')} here.` }), allow: methods.join(', ') };
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
