import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect, type ConnectionOptions, TLSSocket } from 'node:tls';
import type { Certificates } from '../../src/ingress/certificates.ts';

/** Serves TLS as the inside of a tunnel does: one host, each connection with the context that is due then. */
export interface TlsHost extends AsyncDisposable {
  readonly port: number;
  /** When the task of the next connections was opened. */
  openedAt: number;
  /** Whose next connections are. */
  host: string;
}

/** What a client saw. */
export interface Handshake {
  readonly protocol: string | null;
  readonly reused: boolean;
  /** What may be offered again next time. */
  readonly session: Buffer | undefined;
  /** Why the client refused, if it did. */
  readonly refused?: string;
}

/** Answers each connection with one word, after the handshake. */
export async function serveTls(certificates: Certificates, host: string): Promise<TlsHost> {
  const sockets = new Set<TLSSocket>();
  const serve = async (raw: Socket): Promise<void> => {
    const secureContext = await certificates.contextFor(served.host, served.openedAt);
    const socket = new TLSSocket(raw, { isServer: true, secureContext });
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.end('served');
  };
  const server = createServer((raw) => void serve(raw));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served: TlsHost = {
    port: (server.address() as AddressInfo).port,
    openedAt: Date.now(),
    host,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return served;
}

/** Connects, reads to the end, and tells how it went. */
export async function handshake({ port }: TlsHost, options: ConnectionOptions): Promise<Handshake> {
  const socket = connect({ port, host: '127.0.0.1', ...options });
  let seen: Handshake = { protocol: null, reused: false, session: undefined };
  socket.on('secureConnect', () => {
    seen = { ...seen, protocol: socket.getProtocol(), reused: socket.isSessionReused() };
  });
  socket.on('session', (session) => {
    seen = { ...seen, session };
  });
  socket.resume();
  try {
    await once(socket, 'close');
    return seen;
  } catch (error) {
    return { ...seen, refused: error instanceof Error && 'code' in error ? String(error.code) : String(error) };
  }
}
