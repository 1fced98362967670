import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ServerCertificate } from './certificates.ts';

/** One request that the server got, in order. */
export interface SeenRequest {
  readonly path: string;
  readonly form: URLSearchParams;
}

/** What it does with a request: an answer, or whatever the function does to the connection. */
export type Behaviour =
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly json?: unknown; readonly text?: string }
  | ((response: ServerResponse, request: SeenRequest) => void);

/** An OAuth server that misbehaves as it is told, for the faults that a real one does not show on demand. */
export interface TokenServer extends AsyncDisposable {
  readonly issuer: string;
  readonly seen: readonly SeenRequest[];
  /** Paths of the requests so far, but for metadata. */
  paths(): readonly string[];
  /** The next requests to this path, one behaviour each; the last one stays. */
  script(path: string, ...behaviours: Behaviour[]): void;
}

/** A token answer in order; parts of it may be overwritten. */
export function goodToken(changes: Readonly<Record<string, unknown>> = {}): Behaviour {
  return {
    json: {
      access_token: `token-${Math.random().toString(36).slice(2)}`,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 300,
      ...changes,
    },
  };
}

/** Over TLS, under a name. */
export interface NamedServer {
  readonly name: string;
  readonly certificate: ServerCertificate;
}

/** Metadata members in `metadata` are added, or with undefined left out. */
export async function startTokenServer(metadata: Readonly<Record<string, unknown>> = {}, named?: NamedServer): Promise<TokenServer> {
  const seen: SeenRequest[] = [];
  const scripts = new Map<string, Behaviour[]>();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const seenNow = { path: request.url ?? '', form: await readForm(request) };
    seen.push(seenNow);
    const queue = scripts.get(seenNow.path);
    const behaviour = (queue !== undefined && queue.length > 1 ? queue.shift() : queue?.[0]) ?? { status: 404, text: '' };
    answer(behaviour, seenNow, response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => void serve(request, response);
  const server = named === undefined ? createServer(listener) : createTlsServer(named.certificate, listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const issuer = named === undefined ? `http://127.0.0.1:${port}` : `https://${named.name}:${port}`;
  const document = {
    issuer,
    token_endpoint: `${issuer}/token`,
    revocation_endpoint: `${issuer}/revoke`,
    introspection_endpoint: `${issuer}/introspect`,
    ...metadata,
  };
  scripts.set('/.well-known/oauth-authorization-server', [{ json: document }]);
  scripts.set('/token', [(response) => answer(goodToken(), { path: '/token', form: new URLSearchParams() }, response)]);
  scripts.set('/revoke', [{ status: 200, text: '' }]);
  scripts.set('/introspect', [{ json: { active: false } }]);
  return {
    issuer,
    seen,
    paths: () => seen.map(({ path }) => path).filter((path) => !path.startsWith('/.well-known')),
    script: (path, ...behaviours) => void scripts.set(path, behaviours),
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function answer(behaviour: Behaviour, request: SeenRequest, response: ServerResponse): void {
  if (typeof behaviour === 'function') return behaviour(response, request);
  const { status = 200, headers = {}, json, text } = behaviour;
  const body = text ?? JSON.stringify(json);
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body);
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return new URLSearchParams(text);
}
