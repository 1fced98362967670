import type { Destination, Target } from '../destination.ts';

/**
 * The group of an action: what policy usually names. `connect` = tunnels that nobody reads, `mint` = calls that create standing access; in none of
 * the others. `websocket` = a handshake, which policy has in `write`, since what follows goes both ways and unread.
 */
export type ActionGroup = 'read' | 'write' | 'connect' | 'mint' | 'websocket';

/** Protocols whose messages policy is to see take a WebSocket only where they read those of a WebSocket too; on the others it would pass them by. */
export const takesWebSockets: Readonly<Record<Destination['protocol'], boolean>> = { http: true, grpc: false, tunnel: false };

/** What one call does, written `destination group resource`: `github read /repos/{owner}/{repo}/issues`. */
export interface Operation {
  /** The HTTP method; `connect` for a tunnel, `call_method` for gRPC. */
  readonly action: string;
  readonly group: ActionGroup;
  /** The path template that matched, else the path itself; of a tunnel, `host:port`. */
  readonly resource: string;
  /** True when `resource` is a template of the destination. */
  readonly templated: boolean;
  /** The template's parameters, percent-decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What a call of gRPC calls. */
  readonly grpc?: { readonly service: string; readonly method: string } | undefined;
}

export interface RequestHead {
  readonly method: string;
  readonly target: Target;
  /** The call asks for a WebSocket. */
  readonly websocket?: boolean;
  /** The call is gRPC over HTTP/2. */
  readonly grpc?: boolean | undefined;
}

/** Names the operation, reading as little of the body as it can. undefined = "not mine". */
export interface Classifier {
  classify(head: RequestHead): Operation | undefined;
}

/** The operation in one line, as plan, report and audit write it. */
export function operationName(target: Target, operation: Operation): string {
  return `${target.destination.name} ${operation.group} ${operation.resource}`;
}
