import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer, type ClientOptions, type RawData, type ServerOptions } from 'ws';
import type { ServerCertificate } from './certificates.ts';
import { loopback, startTestSidecar, type TestConfig, type TestSidecar } from './sidecar.ts';

/** A WebSocket server on loopback that sends back what it gets. */
export interface SocketOrigin extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Those it saw, whatever became of them. */
  readonly handshakes: IncomingMessage[];
  readonly server: WebSocketServer;
  /** Its end of the newest WebSocket. */
  newest(): WebSocket;
}

export interface SocketOriginOptions {
  readonly ws?: Omit<ServerOptions, 'noServer' | 'server'>;
  /** What it does with a handshake, if not take it. */
  readonly answer?: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  /** What it does with a new WebSocket, if not echo. */
  readonly serve?: (socket: WebSocket) => void;
  readonly certificate?: ServerCertificate;
}

const plain: RequestListener = (_request, response) => void response.writeHead(426).end();

export async function startSocketOrigin({
  ws = {},
  answer = () => false,
  serve = echo,
  certificate,
}: SocketOriginOptions = {}): Promise<SocketOrigin> {
  const handshakes: IncomingMessage[] = [];
  const server = new WebSocketServer({ noServer: true, ...ws });
  const sockets = new Set<Duplex>();
  let newest: WebSocket | undefined;
  const http = certificate === undefined ? createServer(plain) : createTlsServer(certificate, plain);
  http.on('upgrade', (request, socket, head) => {
    handshakes.push(request);
    sockets.add(socket);
    socket.on('error', () => {});
    if (answer(request, socket, head)) return;
    server.handleUpgrade(request, socket, head, (opened) => {
      newest = opened;
      opened.on('error', () => {});
      serve(opened);
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    port,
    handshakes,
    server,
    newest() {
      if (newest === undefined) throw new Error('no WebSocket was opened');
      return newest;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      http.closeAllConnections();
      http.close();
    },
  };
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/** The destination's 101 to the handshake of `SocketWorld.handshake`, for those that go on octet by octet. */
export const switched =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

/** A real client. */
export interface SocketClient extends AsyncDisposable {
  readonly ws: WebSocket;
  send(data: string | Buffer): void;
  /** The next message that has not been asked for yet. */
  next(): Promise<Buffer>;
  /** Its code and reason, once it is closed. */
  closed(): Promise<{ readonly code: number; readonly reason: string }>;
}

export interface SocketTarget {
  /** `host:port` of the proxy. */
  readonly proxy: string;
  /** Absolute-form, or a path on a route. */
  readonly target: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: string[];
  readonly options?: ClientOptions;
}

/** Opens a WebSocket as a client does for ws:// through a proxy: the handshake's target in absolute-form. */
export async function openSocket({ proxy, target, host, headers = {}, protocols = [], options = {} }: SocketTarget): Promise<SocketClient> {
  const ws = new WebSocket(`ws://${proxy}/`, protocols, {
    headers: { ...(host === undefined ? {} : { Host: host }), ...headers },
    finishRequest: (request) => {
      request.path = target;
      request.end();
    },
    ...options,
  });
  const messages: Buffer[] = [];
  const waiting: ((message: Buffer) => void)[] = [];
  ws.on('message', (data: RawData) => {
    const message = Buffer.isBuffer(data) ? data : Buffer.concat([data].flat().map((part) => Buffer.from(part as ArrayBuffer)));
    const waiter = waiting.shift();
    if (waiter === undefined) messages.push(message);
    else waiter(message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await once(ws, 'open');
  ws.on('error', () => {});
  return {
    ws,
    send: (data) => ws.send(data),
    next() {
      const message = messages.shift();
      return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
    },
    closed: () => closed,
    async [Symbol.asyncDispose]() {
      ws.terminate();
    },
  };
}

/** A WebSocket server, a sidecar before it and one open task. */
export interface SocketWorld extends AsyncDisposable {
  readonly origin: SocketOrigin;
  readonly exeat: TestSidecar;
  readonly task: ReturnType<TestSidecar['open']>;
  /** Through the forward door. */
  open(path?: string, more?: Partial<SocketTarget>): Promise<SocketClient>;
  /** The handshake as it stands on the wire, with these fields in place of the usual ones. */
  handshake(fields?: Readonly<Record<string, string | readonly string[] | undefined>>, path?: string): string;
}

export interface SocketWorldOptions extends SocketOriginOptions {
  readonly destination?: object;
  readonly config?: Partial<TestConfig>;
}

export async function startSocketWorld({ destination, config, ...options }: SocketWorldOptions = {}): Promise<SocketWorld> {
  const stack = new AsyncDisposableStack();
  const origin = stack.use(await startSocketOrigin(options));
  const exeat = stack.use(await startTestSidecar({ destinations: { chat: loopback(origin, destination) }, ...config }));
  const task = exeat.open();
  return {
    origin,
    exeat,
    task,
    open: (path = '/room', { headers, ...more } = {}) =>
      openSocket({
        proxy: exeat.proxy,
        target: `${origin.url}${path}`,
        host: origin.host,
        headers: { 'Proxy-Authorization': task.authorization, ...headers },
        ...more,
      }),
    handshake(fields = {}, path = '/room') {
      const usual = {
        Host: origin.host,
        'Proxy-Authorization': task.authorization,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      };
      const lines = Object.entries({ ...usual, ...fields }).flatMap(([name, value]) =>
        [value ?? []].flat().map((each) => `${name}: ${each}`),
      );
      return [`GET ${origin.url}${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
