import { Server, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import type { InboundCall, Upgrade } from '../call.ts';
import { isRefusal, refuse, type ErrorCode, type Refusal } from '../errors.ts';
import { inTurn } from './in-turn.ts';
import type { Inside } from './inside.ts';
import { InboundMessage } from './message.ts';
import { objectedCall } from './objected.ts';
import { HttpReply } from './reply.ts';
import { readRequest, type RequestContext } from './request.ts';
import { endWith, toldOf } from './socket-answer.ts';
import { Tunnels, type TunnelOptions } from './tunnel.ts';
import { asHandshake, takeUpgrades } from './upgrade.ts';

const headersTimeoutMs = 30_000;
const keepAliveTimeoutMs = 75_000;

/** The listener of all doors. Node's parser stays strict; bodies have no total time limit, since uploads and streams may be long. */
export function createIngress(options: TunnelOptions): Server {
  const server = new IngressServer(options, {
    IncomingMessage: InboundMessage,
    insecureHTTPParser: false,
    // Ours to refuse, so that it is answered and counted like every other.
    requireHostHeader: false,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: 5000,
  });
  const accept = (request: IncomingMessage, response: ServerResponse, switchProtocols?: Upgrade['switchProtocols']) => {
    const inside = server.tunnels.insideOf(request.socket);
    const reply = new HttpReply(response);
    if (inside !== undefined) inside.asked = true;
    if (inside?.told !== undefined) {
      response.shouldKeepAlive = false;
      reply.start(inside.told.status, [...inside.told.headers]);
      return reply.end(inside.told.body);
    }
    const read = readAny(request, { context: options.context, inside, switchProtocols });
    const call = isRefusal(read) ? objectedCall(request, read, { context: options.context, inside }) : read;
    if (call.closes) response.shouldKeepAlive = false;
    options.handle(call, reply).catch(() => response.destroy());
  };
  const acceptInTurn = inTurn(accept);
  server.on('request', acceptInTurn);
  server.on('checkContinue', acceptInTurn);
  server.on('checkExpectation', acceptInTurn);
  takeUpgrades(server, accept);
  server.on('connect', (request, socket, early) => server.tunnels.accept(request, socket, early));
  server.on('drop', () => options.refused('overloaded'));
  server.on('clientError', (error, socket) => {
    const refusal = refuse(codeOf(error));
    options.refused(refusal.refused);
    endWith(socket, toldOf(refusal));
  });
  return server;
}

/** A server whose tunnels are connections of its own: they end with it. */
class IngressServer extends Server {
  readonly tunnels: Tunnels;

  constructor(options: TunnelOptions, settings: ServerOptions) {
    super(settings);
    this.tunnels = new Tunnels(this, options);
  }

  override closeIdleConnections(): void {
    super.closeIdleConnections();
    this.tunnels.closeSessions();
  }

  override closeAllConnections(): void {
    super.closeAllConnections();
    this.tunnels.destroyAll();
  }
}

interface Reading {
  readonly context: RequestContext;
  readonly inside: Inside | undefined;
  readonly switchProtocols: Upgrade['switchProtocols'] | undefined;
}

function readAny(request: IncomingMessage, { context, inside, switchProtocols }: Reading): InboundCall | Refusal {
  if (switchProtocols === undefined) return readRequest(request, context, inside);
  const call = readRequest(request, { ...context, upgrading: true }, inside);
  return isRefusal(call) ? call : asHandshake(call, request, switchProtocols);
}

function codeOf(error: Error): ErrorCode {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return code === 'ECONNRESET' ? 'client_gone' : 'malformed_request';
}
