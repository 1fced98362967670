import type { Duplex, Readable } from 'node:stream';
import type { ErrorCode, Refusal } from './errors.ts';

/** Through which door a call came. `forward`: absolute-form, and CONNECT itself; `route`: a reverse route; `tunnel`: inside of a CONNECT. */
export type Door = 'forward' | 'route' | 'tunnel';

/** Who is calling, as far as the connection and the request line tell. Values are as received. */
export interface Caller {
  readonly door: Door;
  /** The task credential as the client presented it: the value of the one header that may carry it on this door; inside a tunnel, that of the CONNECT. */
  readonly presented: string | undefined;
  readonly remoteAddress: string;
  /** A web page of another origin than ours asked a browser for this. It can reach this listener, but knows no task credential. */
  readonly foreignPage: boolean;
  /** Set where the listener is a task. */
  readonly bound?: Bound | undefined;
}

/** What a connection to a listener that is a task belongs to. */
export interface Bound {
  /** The task's id. */
  readonly task: string;
  /** The peer is not a process of the user that the listener is for. */
  readonly stranger: boolean;
}

/** One request, read and found unambiguous but for its `objection`. Header names keep their case in `headers` (flat name, value list, in order). */
export interface InboundCall {
  readonly id: string;
  readonly caller: Caller;
  readonly method: string;
  /** As the door read it: which destination is for the classify step to find. */
  readonly requested: Requested;
  /** Flat `[name, value, name, value…]` as received. */
  readonly headers: readonly string[];
  /** Lower-case names of fields that `Connection` keeps on this hop. */
  readonly nominated: ReadonlySet<string> | undefined;
  /** Undefined when the request has no body. Of a tunnel, all that its client sends. */
  readonly body: Readable | undefined;
  /** Declared Content-Length, when there is one. */
  readonly bodyLength: number | undefined;
  /** The client waits for 100 (Continue); `Reply.proceed` sends it. */
  readonly expectsContinue: boolean;
  /** The client said `TE: trailers`. */
  readonly acceptsTrailers: boolean;
  /** Why it is refused whoever sent it; said once the caller is known, so that the event names the task. */
  readonly objection: Refusal | undefined;
  /** What comes behind it on its connection cannot be relied on: the connection is closed after the answer. */
  readonly closes: boolean;
  readonly receivedAt: number;
  /** The call asks for a WebSocket. */
  readonly upgrade?: Upgrade;
  /** The call is gRPC over HTTP/2: it is refused by one of gRPC's statuses. */
  readonly grpc?: boolean;
}

/** A WebSocket handshake, found as RFC 6455 §4.2.1 has it. */
export interface Upgrade {
  /** Sec-WebSocket-Key, for the check that the destination has answered this handshake. */
  readonly key: string;
  /** In place of an answer: sends 101 with this flat header list and hands over the connection, with what has come on it since. Call once. */
  switchProtocols(headers: string[]): Duplex;
}

interface RequestedPath {
  /** Canonical, begins with `/`; '' for a tunnel as a whole. */
  readonly path: string;
  /** With its leading `?`, or ''. */
  readonly query: string;
  /** The path holds what origins read differently: path parameters (`;`) or percent-encoded reserved characters (`%2F`, `%40`, …). */
  readonly encodedReserved: boolean;
}

/** What was asked for: an absolute-form target, a CONNECT or something inside of one, or a path on one of our routes. */
export type Requested = RequestedPath &
  (
    | { readonly door: 'forward' | 'tunnel'; readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number }
    | { readonly door: 'route' }
  );

/** A CONNECT. As a call it has no path; its scheme is found with the destination. */
export type ConnectCall = InboundCall & { readonly requested: Exclude<Requested, { readonly door: 'route' }> };

/** Where the answer goes. Lets every door, tunnels and upgrades walk the same lines. */
export interface Reply {
  /** The head has been sent; nothing but the rest of the body, or breaking off, is possible. */
  readonly started: boolean;
  /** The client is gone; writes are lost. */
  readonly gone: boolean;
  /** Sends 100 (Continue) if the client waits for it. */
  proceed(): void;
  /**
   * Flat header list. Call once. The reason phrase is the standard one: a destination's may hold octets that must not be sent, and means nothing
   * (RFC 9112 §4). `reason`: of a refusal, in our own words, for a door whose clients show nothing else of it.
   */
  start(status: number, headers: string[], reason?: string): void;
  /** Sends the head now, before there is any body. */
  flush(): void;
  /** False = stop until `onDrain` calls back. */
  write(chunk: Uint8Array): boolean;
  end(chunk?: Uint8Array, trailers?: readonly [string, string][]): void;
  /** Breaks the connection so that the client sees an incomplete answer at once. `code`: why, where the protocol can end an answer with it. */
  breakOff(code?: ErrorCode): void;
  onDrain(listener: () => void): void;
  /** Calls back when all has been passed on after `end`; absent: at once. */
  onEnded?(listener: () => void): void;
  /** Called once when the connection to the client is done with this answer; `complete` tells whether it was all sent. */
  onClose(listener: (complete: boolean) => void): void;
}

/** How a call that was forwarded ended. */
export interface Outcome {
  /** The destination's status, or the one with which the upstream proxy refused to lead there; undefined when there was none. */
  readonly status: number | undefined;
  /** The destination's `grpc-status`, of a call of gRPC. */
  readonly grpcStatus?: number | undefined;
  /** Why the call did not complete; undefined = it did. */
  readonly code: ErrorCode | undefined;
  /** The destination answered 401, or gRPC's UNAUTHENTICATED, to a credential of ours. Unless the reply has started the call may be repeated. */
  readonly credentialRejected: boolean;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** The checked address that was dialled. */
  readonly upstreamAddress: string | undefined;
  /** Names of the agent's own credential headers that were taken out. */
  readonly removed: readonly string[];
}
