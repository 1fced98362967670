import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { InboundCall, Upgrade } from '../call.ts';
import { refuse, type Refusal } from '../errors.ts';
import { isAnswering } from './socket-answer.ts';

/** Hands the connection over, after a 101. */
type SwitchProtocols = Upgrade['switchProtocols'];

/** How long a client that got another answer than 101 may take to close. */
const lingerMs = 1000;

/**
 * Lets a server take WebSocket handshakes (RFC 6455 §4.2). All other upgrades stay plain requests, as does a handshake with a body or behind an answer
 * that is still being written, which is then refused in its turn.
 */
export function takeUpgrades(
  server: Server,
  take: (request: IncomingMessage, response: ServerResponse, switchProtocols: SwitchProtocols) => void,
): void {
  Object.assign(server, { shouldUpgradeCallback: isHandshake });
  server.on('upgrade', (request, socket, head) => {
    const response = responseOn(socket, { request, head });
    take(request, response, (headers) => {
      response.writeHead(101, headers);
      response.flushHeaders();
      return release(response, socket);
    });
  });
}

/** The call as a handshake, if it is one in every point (RFC 6455 §4.2.1). */
export function asHandshake(call: InboundCall, request: IncomingMessage, switchProtocols: SwitchProtocols): InboundCall | Refusal {
  if (request.method !== 'GET' || request.httpVersion !== '1.1') return malformed('it is a GET in HTTP/1.1');
  const { upgrade, 'sec-websocket-version': version, 'sec-websocket-key': key = '' } = request.headers;
  if (upgrade?.toLowerCase() !== 'websocket') return malformed('Upgrade names websocket and nothing else');
  if (version !== '13') return malformed('Sec-WebSocket-Version is 13');
  // The base64 of sixteen octets.
  if (!/^[A-Za-z\d+/]{21}[AQgw]==$/.test(key)) return malformed('Sec-WebSocket-Key is sixteen octets in base64');
  return { ...call, upgrade: { key, switchProtocols } };
}

function isHandshake({ headers, socket }: IncomingMessage): boolean {
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return /\bwebsocket\b/i.test(headers.upgrade ?? '') && !hasBody && socket.writable && !isAnswering(socket);
}

/**
 * The answer to an upgrade: Node gives none along and has taken its own hands off the connection. Until the destination has answered, the connection
 * is watched for its end, and what comes behind the handshake stays in its buffer.
 */
function responseOn(socket: Duplex, { request, head }: { request: IncomingMessage; head: Buffer }): ServerResponse {
  socket.on('error', () => {});
  if (head.length > 0) socket.unshift(head);
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  socket.on('drain', () => response.emit('drain'));
  socket.on('end', () => response.destroy());
  // Asked for more than there is, a stream tells its end.
  socket.on('readable', () => {
    if (socket.readableLength === 0) socket.read();
  });
  response.once('finish', () => {
    release(response, socket).end();
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
    socket.once('close', () => clearTimeout(timer));
    socket.resume();
  });
  return response;
}

/** Parts an answer from its connection. */
function release(response: ServerResponse, socket: Duplex): Duplex {
  for (const event of ['drain', 'end', 'readable']) socket.removeAllListeners(event);
  response.removeAllListeners('finish');
  response.detachSocket(response.req.socket);
  return socket;
}

function malformed(how: string): Refusal {
  return refuse('malformed_request', { detail: `The WebSocket handshake is not as RFC 6455 has it: ${how}.` });
}
