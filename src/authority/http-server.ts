import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ExeatError, statusOf } from '../errors.ts';
import type { Endpoint } from './endpoints.ts';
import type { AuthorityEvent } from './events.ts';
import { parseForm } from './form.ts';
import { isOAuthError, oauthError } from './oauth-error.ts';
import type { OAuthError } from './oauth-error.ts';

const largestBodyBytes = 64 * 1024;
const closeGraceMs = 5000;

/** What one path answers: a document anyone may GET, or an endpoint that takes a form. */
export type Route = { readonly document: () => unknown; readonly maxAgeS: number } | { readonly endpoint: Endpoint };

/** A listening server. `close` lets running requests finish, for 5 s at most. */
export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** Binds first, so that the routes can be made for the port that was got. */
export async function listen(
  { host, port }: { readonly host: string; readonly port: number },
  routesAt: (port: number) => ReadonlyMap<string, Route>,
  emit: (event: AuthorityEvent) => void,
): Promise<Listening> {
  let routes: ReadonlyMap<string, Route> = new Map();
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 20_000, connectionsCheckingInterval: 5000, keepAliveTimeout: 30_000 },
    (request, response) => {
      // A connection that becomes idle after `close` has nothing to wait for.
      response.once('close', () => server.listening || setImmediate(() => server.closeIdleConnections()));
      void answer(routes, request, response, emit);
    },
  );
  server.maxConnections = 2048;
  server.listen(port, host);
  await once(server, 'listening');
  const { port: got } = server.address() as AddressInfo;
  try {
    routes = routesAt(got);
  } catch (error) {
    await close(server);
    throw error;
  }
  return { port: got, close: () => close(server) };
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  const late = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearTimeout(late);
}

async function answer(
  routes: ReadonlyMap<string, Route>,
  request: IncomingMessage,
  response: ServerResponse,
  emit: (event: AuthorityEvent) => void,
): Promise<void> {
  const [path = '', query] = (request.url ?? '').split('?', 2);
  const route = routes.get(path);
  if (route === undefined) return send(response, { status: 404, body: { error: 'not_found' } });
  const allowed = 'document' in route ? ['GET', 'HEAD'] : ['POST'];
  if (!allowed.includes(request.method ?? '')) {
    return send(response, { status: 405, body: { error: 'method_not_allowed' }, headers: { allow: allowed.join(', ') } });
  }
  if ('document' in route) {
    return send(response, { status: 200, body: route.document(), headers: { 'cache-control': `public, max-age=${route.maxAgeS}` } });
  }
  try {
    const outcome = query === undefined ? await runEndpoint(route.endpoint, request) : inTheUrl;
    if (outcome === undefined || !isOAuthError(outcome)) return send(response, { status: 200, body: outcome });
    emit({ type: 'refused', endpoint: path, error: outcome.error, description: outcome.description });
    sendRefusal(response, outcome);
  } catch (error) {
    if (request.destroyed && !request.complete) return;
    emit({ type: 'failed', endpoint: path, message: error instanceof Error ? error.message : 'unknown' });
    sendFailure(response, error);
  }
}

const inTheUrl = oauthError('invalid_request', 'parameters go in the body, not in the URL');

async function runEndpoint(endpoint: Endpoint, request: IncomingMessage): ReturnType<Endpoint> {
  const { 'content-type': type = '', 'content-encoding': coding } = request.headers;
  if (!/^application\/x-www-form-urlencoded(?:\s*;\s*charset="?utf-8"?)?$/i.test(type.trim()) || coding !== undefined) {
    return oauthError('invalid_request', 'the body has to be application/x-www-form-urlencoded');
  }
  const authorizations = request.headersDistinct['authorization'] ?? [];
  if (authorizations.length > 1) return oauthError('invalid_request', 'more than one Authorization header was sent');
  const body = await readBody(request);
  if (typeof body !== 'string') return body;
  const form = parseForm(body);
  return isOAuthError(form) ? form : await endpoint(form, authorizations[0]);
}

async function readBody(request: IncomingMessage): Promise<string | OAuthError> {
  const tooLarge = { ...oauthError('invalid_request', 'the body is larger than 64 KiB'), status: 413 };
  if (Number(request.headers['content-length'] ?? 0) > largestBodyBytes) return tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Without destroying it: the refusal still has to go out on the same socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > largestBodyBytes) return tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sendRefusal(response: ServerResponse, { error, description, status, challenge }: OAuthError): void {
  const headers = {
    ...(challenge !== undefined && { 'www-authenticate': challenge }),
    // What is left of the body is not read.
    ...(status === 413 && { connection: 'close' }),
  };
  send(response, { status, body: { error, error_description: description }, headers });
}

/** 503 for what may pass by itself; the caller must not take it for success (RFC 7009 §2.2.1). */
function sendFailure(response: ServerResponse, error: unknown): void {
  const passing = error instanceof ExeatError && statusOf(error.code) === 503;
  if (passing) send(response, { status: 503, body: { error: 'temporarily_unavailable' }, headers: { 'retry-after': '1' } });
  else send(response, { status: 500, body: { error: 'server_error' } });
}

interface Answer {
  readonly status: number;
  /** undefined = no body. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(text !== '' && { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}
