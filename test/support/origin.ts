import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ServerCertificate } from './certificates.ts';

/** What a destination saw of one request. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  /** The name that the client asked for in its TLS handshake. */
  readonly sni: string | undefined;
  readonly body: Promise<string>;
}

/** A destination on loopback that remembers what it was sent. */
export interface Origin extends AsyncDisposable {
  readonly host: string;
  readonly url: string;
  readonly port: number;
  readonly seen: Seen[];
  /** Connections it ever took. */
  readonly connections: () => number;
}

/** What a destination does with a request. */
export type Answer = (request: IncomingMessage, response: ServerResponse, seen: Seen) => void;

/** Answers every request with `answer`, or with a small JSON body; over TLS where there is a certificate. */
export async function startOrigin(answer?: Answer, certificate?: ServerCertificate): Promise<Origin> {
  const seen: Seen[] = [];
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    const body = new Promise<string>((resolve) => {
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('close', () => resolve(Buffer.concat(chunks).toString()));
    });
    const entry: Seen = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      sni: 'servername' in request.socket && typeof request.socket.servername === 'string' ? request.socket.servername : undefined,
      body,
    };
    seen.push(entry);
    if (answer !== undefined) return answer(request, response, entry);
    response.setHeader('content-type', 'application/json');
    return void response.end('{"ok":true}');
  };
  const server = certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener);
  server.on('connection', () => (connections += 1));
  server.on('checkContinue', (request, response) => {
    response.writeContinue();
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    seen,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
