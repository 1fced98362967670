import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { ServerCertificate } from './certificates.ts';

/** One CONNECT, and all that then came through it from the client. */
export interface SeenConnect {
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  /** Latin-1. */
  readonly upload: () => string;
}

/** What else the proxy does with a CONNECT than to open the tunnel: it writes its answer on the bare connection, or none. */
export type Misbehaviour = (socket: Socket, target: string) => void;

export interface ConnectProxyOptions {
  /** What the proxy's own name server knows: `host:port` of the destination to `host:port` where it is. */
  readonly zone: Readonly<Record<string, string>>;
  /** TLS to the proxy itself. */
  readonly certificate?: ServerCertificate;
  /** Value of Proxy-Authorization without which it answers 407. */
  readonly authorization?: string;
}

/** A company's proxy on loopback. */
export interface ConnectProxy extends AsyncDisposable {
  readonly port: number;
  readonly seen: readonly SeenConnect[];
  /** Requests that are no CONNECT. */
  readonly others: readonly string[];
  /** Connections it ever took. */
  readonly connections: () => number;
  /** Resolves when a client that was misled has closed its side. */
  readonly abandoned: Promise<void>;
  /** From the next CONNECT on; nothing for good behaviour again. */
  misbehave(how: Misbehaviour | undefined): void;
}

export async function startConnectProxy({ zone, certificate, authorization }: ConnectProxyOptions): Promise<ConnectProxy> {
  const seen: SeenConnect[] = [];
  const others: string[] = [];
  const sockets = new Set<Socket>();
  const abandoned = Promise.withResolvers<void>();
  let connections = 0;
  let misbehaviour: Misbehaviour | undefined;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const server = certificate === undefined ? createServer() : createTlsServer(certificate);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    keep(socket);
  });
  server.on('tlsClientError', () => {});
  server.on('request', (request, response) => {
    others.push(`${request.method} ${request.url}`);
    response.writeHead(405).end();
  });
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const target = request.url ?? '';
    const chunks = [head];
    seen.push({ target, headers: request.headers, upload: () => Buffer.concat(chunks).toString('latin1') });
    keep(socket);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    if (misbehaviour !== undefined) {
      socket.on('end', () => {
        socket.end();
        abandoned.resolve();
      });
      return misbehaviour(socket, target);
    }
    if (authorization !== undefined && request.headers['proxy-authorization'] !== authorization)
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="corp"\r\n\r\n');
    const place = zone[target];
    if (place === undefined) return void socket.end('HTTP/1.1 502 No such host\r\n\r\n');
    const onward = connect(Number(place.slice(place.lastIndexOf(':') + 1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\nProxy-Agent: test\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    keep(onward);
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    others,
    connections: () => connections,
    abandoned: abandoned.promise,
    misbehave(how) {
      misbehaviour = how;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** The value of Proxy-Authorization (RFC 7617). */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
