import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { InboundCall, Reply } from '../call.ts';
import { isRefusal, type ErrorCode } from '../errors.ts';
import { Http2Reply } from './http2-reply.ts';
import { pseudoHeaders, readHttp2 } from './http2-request.ts';
import type { Inside } from './inside.ts';
import { objectedCall } from './objected.ts';
import type { RequestContext } from './request.ts';

export interface Http2Options {
  readonly handle: (call: InboundCall, reply: Reply) => Promise<void>;
  readonly refused: (code: ErrorCode) => void;
  readonly context: RequestContext;
  /** Of all connections: those that are over, and whose clients have not taken all of them. */
  readonly undelivered: Set<Http2Reply>;
}

/** A client decides when it takes an answer, and a connection has room for a thousand: of all that wait so many are kept. */
const mostUndelivered = 4096;

/** How long a connection may be without any call. */
const idleMs = 75_000;

/** Whoever goes beyond these has the whole connection cut (RFC 9113 §10.5). A server that says nothing of RFC 8441 gets no WebSocket over HTTP/2. */
const limits = {
  settings: { enablePush: false, maxConcurrentStreams: 1000, maxHeaderListSize: 16 * 1024 },
  maxSessionInvalidFrames: 20,
  maxSettings: 32,
  maxOutstandingPings: 4,
  // As many as may run can be given up at once.
  streamResetBurst: 1000,
  streamResetRate: 33,
  // Doubled fields of an answer are the destination's to send; those of a request are refused where the call is read.
  strictSingleValueFields: false,
};

/** Speaks HTTP/2 on a connection inside of a tunnel. Its streams run at once, each a call of its own; what is not HTTP/2 at all is reset unread. */
export function serveHttp2(socket: Duplex, inside: Inside, { handle, refused, context, undelivered }: Http2Options): ServerHttp2Session {
  const session = performServerHandshake(socket, limits);
  let running = 0;
  let last = 0;
  // Streams are numbered as they come (RFC 9113 §5.1.1), from 1 or, by some clients, from 3: one that is missing was reset as no request by Node's library.
  const noteMissing = (opened: number, expected: number) => {
    if (opened > expected) refused('malformed_request');
    last = opened;
  };
  // Both before Node's own listeners, which leave no session to be asked.
  const over = () => noteMissing(session.state.lastProcStreamID ?? last, last);
  socket.prependOnceListener('error', over);
  socket.prependOnceListener('end', () => {
    over();
    // The connection may be half open, but no client of HTTP/2 reads on: it would be kept until it is idle for long.
    session.destroy();
  });
  session.on('error', (error) => {
    if ('code' in error && String(error.code).startsWith('ERR_HTTP2')) refused('malformed_request');
  });
  session.setTimeout(idleMs, () => {
    if (running === 0) session.close();
  });
  session.on('stream', (stream: ServerHttp2Stream, _headers, _flags, raw: string[]) => {
    running += 1;
    noteMissing(stream.id ?? last, Math.max(last, 1) + 2);
    const reply = new Http2Reply(stream);
    stream.once('close', () => {
      running -= 1;
      undelivered.delete(reply);
    });
    stream.on('error', ignore);
    inside.asked = true;
    const leave = () => {
      if (!reply.gone) undelivered.add(reply);
      const [oldest] = undelivered.size > mostUndelivered ? undelivered : [];
      oldest?.breakOff();
    };
    if (inside.told !== undefined) {
      reply.start(inside.told.status, [...inside.told.headers]);
      reply.end(inside.told.body);
      return leave();
    }
    const head = { ...pseudoHeaders(raw), socket: inside.socket };
    const read = readHttp2(stream, head, { inside, context });
    const call = isRefusal(read) ? objectedCall(head, read, { context, inside }) : read;
    reply.mayTrail = call.acceptsTrailers;
    reply.grpc = call.grpc === true;
    handle(call, reply).then(leave, () => reply.breakOff());
  });
  return session;
}

function ignore(): void {}
