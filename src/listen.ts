import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo, Server as SocketServer, Socket } from 'node:net';
import { ExeatError } from './errors.ts';

/** An address, the path of a Unix socket, or a socket that listens already. */
export type ListenAt = { readonly host?: string; readonly port: number } | { readonly path: string } | { readonly socket: SocketServer };

/** Listens and answers with `host:port` as a client on this host would write it, or the socket's path. Throws in words that name the address. */
export async function listen(server: Server, at: ListenAt): Promise<string> {
  const wanted = 'path' in at ? at.path : 'socket' in at ? 'the socket' : `${at.host ?? '*'}:${at.port}`;
  if ('path' in at) rmSync(at.path, { force: true });
  server.listen('path' in at ? { path: at.path } : 'socket' in at ? at.socket : { ...at });
  try {
    await once(server, 'listening');
  } catch (cause) {
    const taken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    throw new ExeatError('internal_error', taken ? `cannot listen on ${wanted}: the address is in use` : `cannot listen on ${wanted}`, {
      cause,
    });
  }
  if ('path' in at) {
    chmodSync(at.path, 0o600);
    return at.path;
  }
  const { address, port, family } = server.address() as AddressInfo;
  const host = address === '::' || address === '0.0.0.0' ? '127.0.0.1' : address;
  return family === 'IPv6' && host !== '127.0.0.1' ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The ways in which a client on this host may write a listener's `host:port`. */
export function spellings(address: string): ReadonlySet<string> {
  const port = address.slice(address.lastIndexOf(':') + 1);
  return new Set([address, ...['127.0.0.1', 'localhost', '[::1]'].map((host) => `${host}:${port}`)]);
}

/** Beyond this number the oldest connection gives way to a new one: whoever fills a listener with idle ones keeps nobody else out for long. */
const mostConnections = 48;

export function giveWay(server: Server): Server {
  const open = new Set<Socket>();
  return server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (open.size <= mostConnections) return;
    const [oldest] = open;
    oldest?.destroy();
  });
}

export interface Closing {
  /** How long running exchanges may take to end. */
  readonly graceMs: number;
  /** Ends what is left when the time is over, in a better way than by breaking off; settles when that has been done. */
  readonly cut?: () => Promise<void>;
}

/** Stops taking connections, lets running exchanges end, then cuts them. */
export async function closeServer(server: Server, { graceMs, cut }: Closing): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    void Promise.resolve(cut?.()).finally(() => server.closeAllConnections());
  }, graceMs);
  await closed;
  clearTimeout(timer);
}
