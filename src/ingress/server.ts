import { createServer, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { InboundCall, Reply } from '../call.ts';
import { isRefusal, proxyStatusOf, refuse, statusOf, type ErrorCode, type Refusal } from '../errors.ts';
import { problemBody, problemType } from '../problem.ts';
import { inTurn } from './in-turn.ts';
import { InboundMessage } from './message.ts';
import { objectedCall } from './objected.ts';
import { HttpReply } from './reply.ts';
import { readRequest, type RequestContext } from './request.ts';

export interface IngressOptions {
  /** Where a call goes. Settles when the call is over. */
  readonly handle: (call: InboundCall, reply: Reply) => Promise<void>;
  /** Something was refused that is not even a request. */
  readonly refused: (code: ErrorCode) => void;
  readonly context: RequestContext;
}

const headersTimeoutMs = 30_000;
const keepAliveTimeoutMs = 75_000;
/** How long a refused socket may take to read its answer. */
const lingerMs = 1000;

/** The listener of both doors. Node's parser stays strict; bodies have no total time limit, since uploads and streams may be long. */
export function createIngress(options: IngressOptions): Server {
  const server = createServer({
    IncomingMessage: InboundMessage,
    insecureHTTPParser: false,
    // Ours to refuse, so that it is answered and counted like every other.
    requireHostHeader: false,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: 5000,
  });
  const accept = inTurn((request, response) => {
    const read = readRequest(request, options.context);
    const call = isRefusal(read) ? objectedCall(request, read, options.context) : read;
    if (call.closes) response.shouldKeepAlive = false;
    options.handle(call, new HttpReply(response)).catch(() => response.destroy());
  });
  server.on('request', accept);
  server.on('checkContinue', accept);
  server.on('checkExpectation', accept);
  server.on('connect', (_request, socket) => refuseSocket(socket, refuse('connect_refused'), options));
  server.on('clientError', (error, socket) => refuseSocket(socket, refuse(codeOf(error)), options));
  return server;
}

/** Answers on the bare socket: there is no response object for CONNECT, nor for bytes that are not HTTP. */
function refuseSocket(socket: Duplex, refusal: Refusal, options: IngressOptions): void {
  options.refused(refusal.refused);
  if (!socket.writable) return void socket.destroy();
  // What is written of an answer still leaves; `end` alone would wait for the client to close.
  if (isAnswering(socket)) return void socket.end(() => socket.destroy());
  const body = problemBody(refusal);
  const status = statusOf(refusal.refused);
  const head = [
    `HTTP/1.1 ${status} Refused by Exeat`,
    `Content-Type: ${problemType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `Proxy-Status: ${proxyStatusOf(refusal.refused)}`,
    'Connection: close',
  ];
  socket.on('error', () => {});
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => setTimeout(() => socket.destroy(), lingerMs).unref());
}

/** Node's own mark of a response in progress: what comes after it must not be written into it. */
const responseMark = '_httpMessage';

function isAnswering(socket: Duplex): boolean {
  return responseMark in socket && socket[responseMark] !== null && socket[responseMark] !== undefined;
}

function codeOf(error: Error): ErrorCode {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return code === 'ECONNRESET' ? 'client_gone' : 'malformed_request';
}
