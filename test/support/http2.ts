import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { TestSidecar } from './sidecar.ts';
import { openTunnel, trustOf, type TunnelOptions } from './tunnel.ts';

/** A client that speaks HTTP/2 inside of one tunnel. */
export interface Http2Client extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Sends one request with all of its body and waits for the whole answer. */
  call(headers?: Record<string, string | string[]>, body?: string | Buffer): Promise<Http2Answer>;
  /** Opens a stream, and leaves it to the test. */
  open(headers?: Record<string, string | string[]>): ClientHttp2Stream;
}

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly code: string | undefined;
  readonly trailers: IncomingHttpHeaders;
  /** With which code the stream was reset; 0 = it was not, or without an error. */
  readonly reset: number;
}

/** CONNECT, TLS with ALPN, and then HTTP/2. */
export async function openHttp2(exeat: TestSidecar, options: TunnelOptions): Promise<Http2Client> {
  const authority = options.authority ?? 'api.example:443';
  const socket = await openTunnel(exeat, options);
  const servername = authority.replace(/:\d+$/, '');
  const tls = connectTls({ socket, servername, ca: trustOf(exeat), ALPNProtocols: ['h2', 'http/1.1'] });
  await once(tls, 'secureConnect');
  if (tls.alpnProtocol !== 'h2') throw new Error(`ALPN chose ${tls.alpnProtocol}`);
  const session = connect(`https://${authority}`, { createConnection: () => tls });
  session.on('error', () => {});
  const open: Http2Client['open'] = (headers = {}) => {
    const stream = session.request({ ':path': '/x', ...headers }, { endStream: false });
    stream.on('error', () => {});
    return stream;
  };
  return {
    session,
    open,
    call(headers = {}, body = '') {
      const stream = open(headers);
      const answer = answerOf(stream);
      stream.end(body);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      socket.destroy();
    },
  };
}

/** The whole answer on a stream. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let [headers, trailers]: IncomingHttpHeaders[] = [{}, {}];
  let body = '';
  stream.on('response', (received) => (headers = received));
  stream.on('trailers', (received) => (trailers = received));
  stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  const code = /"code":"(\w+)"/.exec(body)?.[1];
  return { status: Number(headers?.[':status'] ?? 0), headers: headers ?? {}, body, code, trailers: trailers ?? {}, reset: stream.rstCode };
}
