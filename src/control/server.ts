import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isRefusal, refuse, refusalOf, statusOf, type Refusal } from '../errors.ts';
import { problemBody, problemType } from '../problem.ts';
import { readInput } from './input.ts';
import { documentRoute, openApi } from './openapi.ts';
import { createRateLimit } from './rate-limit.ts';
import { routesOf, type Answer, type Asker, type ControlDeps, type Route } from './routes.ts';
import type { RoleTokens } from './tokens.ts';

export interface ControlOptions extends ControlDeps {
  readonly tokens: RoleTokens;
  /** `host:port` spellings a client may use; undefined on a Unix socket. */
  readonly hosts: () => ReadonlySet<string> | undefined;
  readonly report: (error: unknown) => void;
}

/** What the agent and the holders of task credentials may ask for in a minute. Neither policy nor the disk is for them to exhaust. */
const perMinute: Readonly<Record<string, number>> = { 'POST /v1/explain': 60, 'POST /v1/tasks': 60, 'POST /v1/tasks/{id}/complete': 60 };

/** The control API: JSON over HTTP, bearer tokens, problem details (RFC 9457). Never a 401, which MCP clients take for an invitation to sign in. */
export function createControlServer(options: ControlOptions): Server {
  const routes: Route[] = [...routesOf(options), { ...documentRoute, answer: () => ({ status: 200, body: document }) }];
  const document = openApi(routes);
  const limits = new Map(Object.entries(perMinute).map(([name, most]) => [name, createRateLimit(most)]));
  return createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    void serve(request)
      .catch((error: unknown) => {
        const refusal = refusalOf(error);
        if (refusal.refused === 'internal_error') options.report(error);
        return refusal;
      })
      .then((answer) => send(response, isRefusal(answer) ? problem(answer) : answer));
  });

  async function serve(request: IncomingMessage): Promise<Answer | Refusal> {
    const hosts = options.hosts();
    if (request.headers.origin !== undefined) return refuse('forbidden', { detail: 'This API is not for browsers: send no Origin.' });
    if (hosts !== undefined && !hosts.has((request.headers.host ?? '').toLowerCase()))
      return refuse('forbidden', { detail: 'The Host is not that of this listener.' });
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const asker = askerOf(request.headers.authorization, options);
    if (asker === undefined) return refuse('forbidden');
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

function wrongMethod(methods: readonly string[]): Answer {
  return problem(refuse('method_refused', { detail: `Use ${methods.join(' or ')} here.` }), { allow: methods.join(', ') });
}

/** A body that came with a refused request is not read to its end: such a connection is not used again. */
function problem(refusal: Refusal, headers: Answer['headers'] = {}): Answer {
  const retry = refusal.retryAfterS === undefined ? {} : { 'retry-after': String(refusal.retryAfterS) };
  return {
    status: statusOf(refusal.refused),
    headers: { ...headers, ...retry, 'content-type': problemType, connection: 'close' },
    body: problemBody(refusal),
  };
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(text);
}
