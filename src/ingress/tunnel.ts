import type { IncomingMessage, Server } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import { isIP, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Admission } from '../admit.ts';
import type { ConnectCall, InboundCall, Reply } from '../call.ts';
import { isRefusal, refuse, type ErrorCode, type Refusal } from '../errors.ts';
import type { Certificates } from './certificates.ts';
import type { ClientHello } from './client-hello.ts';
import { endWithAlert, speakTls, type TlsFailure } from './client-tls.ts';
import { readConnect } from './connect.ts';
import { ConnectReply } from './connect-reply.ts';
import { firstBytes } from './first-bytes.ts';
import type { Http2Reply } from './http2-reply.ts';
import { serveHttp2 } from './http2-session.ts';
import type { Inside } from './inside.ts';
import { objectedCall } from './objected.ts';
import type { RequestContext } from './request.ts';
import { endWith, isAnswering, type Told, writeTo } from './socket-answer.ts';
import { isPlainHost } from './target.ts';

export interface TunnelOptions {
  /** Whether a tunnel is opened at all, and how it is treated. */
  readonly admit: (connect: ConnectCall) => Admission | Refusal;
  /** Where a call that could be read goes. Settles when the call is over. */
  readonly handle: (call: InboundCall, reply: Reply) => Promise<void>;
  readonly certificates: Pick<Certificates, 'contextFor'>;
  readonly tlsFailed: (failure: TlsFailure, host: string) => void;
  /** Something was refused that is not even a request. */
  readonly refused: (code: ErrorCode) => void;
  /** Told of what was not foreseen, for operators. */
  readonly report: (error: unknown) => void;
  readonly context: RequestContext;
}

/** A CONNECT that was let through. */
interface Opened {
  readonly socket: Socket;
  readonly call: ConnectCall;
  readonly reply: ConnectReply;
  readonly admission: Admission;
}

/**
 * Tunnels: what is spoken inside of an intercepted one is put back into the same server, so that it walks the same lines as every request; a blind
 * one is one call. Nothing is relayed, and nothing dialled, before the first bytes have shown what is spoken.
 */
export class Tunnels {
  readonly #server: Server;
  readonly #options: TunnelOptions;
  readonly #inside = new Map<Duplex, Inside>();
  readonly #sockets = new Set<Duplex>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #undelivered = new Set<Http2Reply>();

  constructor(server: Server, options: TunnelOptions) {
    this.#server = server;
    this.#options = options;
  }

  /** What a connection of the server is inside of. While there are no tunnels this costs nothing. */
  insideOf(socket: Duplex): Inside | undefined {
    return this.#inside.size === 0 ? undefined : this.#inside.get(socket);
  }

  /** HTTP/2 connections take no more calls, and end with those that run. */
  closeSessions(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Breaks off whatever has no connection of the server's own. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** A CONNECT and the bytes that came together with it: they belong to the tunnel, once there is one. */
  accept(request: IncomingMessage, socket: Duplex, early: Buffer): void {
    socket.on('error', ignore);
    // It closes after the answer to something that could be read in two ways.
    if (!socket.writable) return void socket.destroy();
    const call = this.#read(request, socket);
    if (isRefusal(call) || !(socket instanceof Socket)) {
      const objection = isRefusal(call) ? call : refuse('malformed_request');
      const objected = objectedCall(request, objection, { context: this.#options.context, inside: this.insideOf(socket) });
      return this.#handle(objected, new ConnectReply(socket, (told) => endWith(socket, told)));
    }
    this.#sockets.add(socket);
    const forget = () => this.#sockets.delete(socket);
    socket.once('close', forget);
    // One that a kept-alive connection has from the request before.
    socket.setTimeout(0);
    const mayRetry = early.length === 0 && request.httpVersion === '1.1';
    const reply = new ConnectReply(socket, (told) => {
      if (!mayRetry || told.status !== 407) return endWith(socket, told);
      forget();
      socket.off('close', forget).off('error', ignore);
      return this.#askAgain(socket, told);
    });
    const admission = this.#options.admit(call);
    if (isRefusal(admission)) return this.#handle({ ...call, objection: admission }, reply);
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    this.#enter({ socket, reply, admission, call: inTunnel(call, admission) }, early).catch((error: unknown) => {
      this.#options.report(error);
      socket.destroy();
    });
  }

  #read(request: IncomingMessage, socket: Duplex): ConnectCall | Refusal {
    if (this.insideOf(socket) !== undefined) return refuse('method_refused');
    // The answer that is still under way stands before the one to this.
    if (isAnswering(socket)) return refuse('malformed_request', { detail: 'A CONNECT must wait for the answer before it.' });
    return readConnect(request, this.#options.context);
  }

  async #enter(opened: Opened, early: Buffer): Promise<void> {
    const { socket, call, reply } = opened;
    const opening = await firstBytes(socket, early);
    switch (opening.kind) {
      case 'gone':
        return void socket.destroy();
      case 'silent':
        reply.tell = () => socket.destroy();
        return this.#handle({ ...call, objection: refuse('request_timeout') }, reply);
      case 'broken':
        reply.tell = () => endWithAlert(socket, 'decode_error');
        return this.#handle({ ...call, objection: refuse('tls_unreadable') }, reply);
      case 'plain':
        if (call.requested.scheme === 'http' && opened.admission.http2) return this.#serveHttp2(socket, insideOf(opened, undefined));
        if (call.requested.scheme === 'http') return this.#serve(socket, insideOf(opened, undefined));
        reply.tell = (told) => endWith(socket, told);
        return this.#handle({ ...call, objection: refuse('tls_expected') }, reply);
      case 'tls':
        return this.#enterTls(opened, opening.hello);
      default:
        opening satisfies never;
    }
  }

  async #enterTls(opened: Opened, hello: ClientHello): Promise<void> {
    const { socket, call, reply, admission } = opened;
    const { scheme, host } = call.requested;
    const objection = scheme === 'http' ? refuse('tls_unexpected') : nameObjection(hello, host);
    // A client that wants another name is told so under that name, or it would only see a certificate that is not for it.
    const name = hello.serverName !== undefined && isPlainHost(hello.serverName) ? hello.serverName : host;
    const speak = (inside: Inside) => this.#speak(socket, { name: withoutBrackets(name), openedAt: admission.openedAt, inside });
    if (admission.tls === 'intercept') return speak(insideOf(opened, objection));
    reply.tell = (told) => void speak({ ...insideOf(opened, objection), told });
    return this.#handle({ ...call, body: socket, objection }, reply);
  }

  /** TLS with the client, and inside of it the server again. */
  async #speak(socket: Socket, { name, openedAt, inside }: { name: string; openedAt: number; inside: Inside }): Promise<void> {
    const { certificates, tlsFailed, report } = this.#options;
    try {
      const context = await certificates.contextFor(name, openedAt);
      if (socket.destroyed) return;
      speakTls(socket, context, {
        secured: (tls) => {
          tls.once('close', () => !inside.asked && tlsFailed('unused', inside.end.host));
          this.#serve(tls, inside);
        },
        failed: (failure) => tlsFailed(failure, inside.end.host),
      });
    } catch (error) {
      report(error);
      endWithAlert(socket, 'internal_error');
    }
  }

  #serve(socket: Duplex, inside: Inside): void {
    if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2') return this.#serveHttp2(socket, inside);
    this.#inside.set(socket, inside);
    socket.once('close', () => this.#inside.delete(socket));
    this.#server.emit('connection', socket);
    socket.resume();
  }

  #serveHttp2(socket: Duplex, inside: Inside): void {
    const session = serveHttp2(socket, inside, { ...this.#options, undelivered: this.#undelivered });
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
  }

  /** curl and git send their credential only when they are asked for it, and on the same connection if they may. */
  #askAgain(socket: Socket, told: Told): void {
    writeTo(socket, told);
    this.#server.emit('connection', socket);
    socket.resume();
  }

  #handle(call: InboundCall, reply: ConnectReply): void {
    this.#options.handle(call, reply).catch((error: unknown) => {
      this.#options.report(error);
      reply.breakOff();
    });
  }
}

/** The CONNECT as a call of its own: from here on it is inside, and refused there. */
function inTunnel(call: ConnectCall, { scheme }: Admission): ConnectCall {
  return { ...call, caller: { ...call.caller, door: 'tunnel' }, requested: { ...call.requested, scheme } };
}

function insideOf({ socket, call: { caller, requested } }: Opened, objection: Refusal | undefined): Inside {
  const { scheme, host, port } = requested;
  return { end: { scheme, host, port }, socket, caller, objection, asked: false };
}

/** The name in the handshake must be the one of the CONNECT; clients send none for an address (RFC 6066 §3). */
function nameObjection({ serverName }: ClientHello, host: string): Refusal | undefined {
  const expected = withoutBrackets(host);
  const isRight = serverName === undefined ? isIP(expected) !== 0 : serverName === expected;
  return isRight ? undefined : refuse('misdirected');
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function ignore(): void {}
