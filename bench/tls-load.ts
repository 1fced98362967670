// TLS clients of the load process: through a CONNECT where there is a tunnel, HTTP/1.1 or HTTP/2, kept alive.
import { once } from 'node:events';
import { request as connect } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { Agent, request, type RequestOptions } from 'node:https';
import { connect as connectPlain, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { TlsTarget } from './jobs.ts';

/** Sends one call; true: a complete 200. */
type Send = () => Promise<boolean>;

export interface TlsClient extends Disposable {
  readonly send: Send;
}

const sessions = 4;

/** One whose connections, at most so many, stay open. */
export async function openTlsClient(target: TlsTarget, connections: number): Promise<TlsClient> {
  return target.protocol === 'h2' ? openHttp2(target) : openHttp1(target, connections);
}

/** Connects anew, with a full handshake, and closes. */
export async function shakeHands(target: TlsTarget): Promise<boolean> {
  const socket = connectTls({ socket: await dial(target), servername: target.host, ca: target.ca });
  await once(socket, 'secureConnect');
  socket.end();
  await once(socket.resume(), 'close');
  return true;
}

function openHttp1(target: TlsTarget, connections: number): TlsClient {
  class TunnelAgent extends Agent {
    override createConnection(_options: RequestOptions, created?: (error: Error | null, stream: Duplex) => void): null {
      dial(target).then(
        (socket) => created?.(null, connectTls({ socket, servername: target.host, ca: target.ca })),
        (error: Error) => created?.(error, undefined as never),
      );
      return null;
    }
  }
  const agent = new TunnelAgent({ keepAlive: true, maxSockets: connections });
  const { host, path, headers } = target;
  return {
    send: () =>
      new Promise((resolve) => {
        request({ agent, host, path, headers }, (response) => {
          response.on('end', () => resolve(response.statusCode === 200)).on('error', () => resolve(false));
          response.resume();
        })
          .on('error', () => resolve(false))
          .end();
      }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

async function openHttp2(target: TlsTarget): Promise<TlsClient> {
  const open: ClientHttp2Session[] = [];
  for (let count = 0; count < sessions; count += 1) {
    const socket = connectTls({ socket: await dial(target), servername: target.host, ca: target.ca, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    open.push(connectHttp2(`https://${target.host}`, { createConnection: () => socket }));
  }
  let turn = 0;
  const { Host: _, ...headers } = target.headers;
  return {
    send: () =>
      new Promise((resolve) => {
        turn += 1;
        const stream = open[turn % sessions]?.request({ ...headers, ':path': target.path });
        let status: unknown;
        stream?.on('response', (fields) => (status = fields[':status']));
        stream?.on('error', () => resolve(false)).on('end', () => resolve(status === 200));
        stream?.resume();
      }),
    [Symbol.dispose]: () => open.forEach((session) => session.destroy()),
  };
}

/** To the server itself, or to what it tunnels to. */
async function dial({ port, tunnel }: TlsTarget): Promise<Socket> {
  if (tunnel === undefined) {
    const socket = connectPlain(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }
  const opening = connect({
    host: '127.0.0.1',
    port,
    method: 'CONNECT',
    path: tunnel.authority,
    headers: { Host: tunnel.authority, 'Proxy-Authorization': tunnel.proxyAuthorization },
  }).end();
  const [response, socket] = (await once(opening, 'connect')) as [{ statusCode: number }, Socket];
  if (response.statusCode !== 200) throw new Error(`CONNECT was answered with ${response.statusCode}`);
  return socket;
}
