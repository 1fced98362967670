import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { temporaryFolder } from './broker.ts';
import { createRoot } from './certificates.ts';
import { startOrigin, type Answer, type Origin } from './origin.ts';
import { startTestSidecar, type TestConfig, type TestSidecar, type TestStages } from './sidecar.ts';
import { wireOn, type Wire } from './wire.ts';

export const secret = 'the-secret-4711';

/** `api.example`, a TLS server on loopback with a credential of its own, and a sidecar before it. */
export interface TunnelWorld extends AsyncDisposable {
  readonly exeat: TestSidecar;
  readonly origin: Origin;
  /** The destination, as the configuration has it. */
  readonly api: object;
  /** Opens a task and gives its Proxy-Authorization. */
  authorization(): string;
}

export interface WorldOptions {
  readonly answer?: Answer;
  /** Of the destination `api`. */
  readonly destination?: object;
  readonly config?: Partial<TestConfig>;
  readonly stages?: TestStages;
}

export async function startTunnelWorld({ answer, destination, config, stages }: WorldOptions = {}): Promise<TunnelWorld> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const root = await createRoot();
  const [ca, file] = [join(folder, 'root.pem'), join(folder, 'secret')];
  writeFileSync(ca, root.pem);
  writeFileSync(file, secret);
  const origin = stack.use(await startOrigin(answer, await root.issue(['api.example', '*.wild.example', '203.0.113.7'])));
  const credential = { kind: 'static', header: 'x-token', value: { file }, expires: '2999-01-01', reason: 'test' };
  const api = { hosts: ['api.example'], connect_to: origin.host, allow_private: true, ca, credential, ...destination };
  const exeat = stack.use(await startTestSidecar({ ...config, folder, destinations: { api, ...config?.destinations } }, stages));
  const all = stack.move();
  return {
    exeat,
    origin,
    api,
    authorization: () => exeat.open().authorization,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** PEM of what clients of this sidecar must trust. */
export function trustOf({ folder }: Pick<TestSidecar, 'folder'>): string {
  return readFileSync(join(folder, 'state', 'ca-public', 'ca.pem'), 'utf8');
}

/** The lines of a CONNECT. */
export function connectTo(authority: string, authorization?: string, ...fields: readonly string[]): string {
  const credential = authorization === undefined ? [] : [`Proxy-Authorization: ${authorization}`];
  return [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...credential, ...fields, '', ''].join('\r\n');
}

export interface TunnelOptions {
  readonly authorization: string;
  readonly authority?: string;
}

/** A connection in which a tunnel is open, and nothing has been said. */
export async function openTunnel(
  exeat: TestSidecar,
  { authorization, authority = 'api.example:443', allowHalfOpen = false }: TunnelOptions & { readonly allowHalfOpen?: boolean },
): Promise<Socket> {
  const [host, port] = exeat.proxy.split(':');
  const socket = connect({ port: Number(port), host, allowHalfOpen });
  socket.on('error', () => {});
  socket.write(connectTo(authority, authorization));
  let head = '';
  while (!head.endsWith('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    head += chunk.toString('latin1');
  }
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`no tunnel: ${head}`);
  return socket;
}

/** As an ordinary client does it: CONNECT, then TLS, with the sidecar's CA as the only root. */
export async function openInside(
  exeat: TestSidecar,
  options: TunnelOptions & { readonly tls?: ConnectionOptions },
): Promise<Wire & { readonly socket: TLSSocket }> {
  const socket = await openTunnel(exeat, options);
  const servername = options.authority?.replace(/:\d+$/, '') ?? 'api.example';
  const tls = connectTls({ socket, servername, ca: trustOf(exeat), ...options.tls });
  await once(tls, 'secureConnect');
  return { ...wireOn(tls), socket: tls };
}

export interface InnerOptions extends TunnelOptions {
  readonly fields?: readonly string[];
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly body?: string;
  readonly tls?: ConnectionOptions;
}

/** One call on a tunnel of its own. */
export async function callInside(
  exeat: TestSidecar,
  options: InnerOptions,
): Promise<{ status: number; head: string; body: string; code: string | undefined }> {
  await using wire = await openInside(exeat, options);
  wire.send(requestOf(options, 'Connection: close'));
  const transcript = await wire.closed();
  const end = transcript.indexOf('\r\n\r\n');
  const [head, body] = [transcript.slice(0, end).toLowerCase(), transcript.slice(end + 4)];
  return { status: Number(/^http\/1\.1 (\d{3})/.exec(head)?.[1]), head, body, code: /"code":"(\w+)"/.exec(body)?.[1] };
}

/** The bytes of an inner request. */
export function requestOf(
  { method = 'GET', path = '/x', authority = 'api.example:443', host, fields = [], body = '' }: Partial<InnerOptions>,
  ...more: readonly string[]
): string {
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host ?? authority.replace(/:443$/, '')}`, ...length, ...fields, ...more, '', body];
  return lines.join('\r\n');
}
