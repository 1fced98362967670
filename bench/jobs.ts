/** One kind of request. `{n}` in the path and the body and `{task}` in a header are filled in anew for each call. */
export interface RequestShape {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBytes?: number;
  readonly body?: string;
}

/** A TLS server, or the tunnel that leads to it. */
export interface TlsTarget {
  readonly port: number;
  readonly tunnel?: { readonly authority: string; readonly proxyAuthorization: string };
  readonly host: string;
  readonly ca: string;
  readonly protocol: 'h1' | 'h2';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a load process is asked to do to one port on loopback. */
export type Job =
  /** As much as the server takes, by autocannon, for a time or a number of calls. */
  | {
      readonly kind: 'saturate';
      readonly port: number;
      readonly shapes: readonly RequestShape[];
      readonly connections: number;
      readonly seconds?: number;
      readonly calls?: number;
      /** Values for `{task}`, one a call. */
      readonly tasks?: readonly string[];
    }
  /** A fixed rate, sent on time whether or not earlier calls were answered. */
  | {
      readonly kind: 'pace';
      readonly port: number;
      readonly shapes: readonly RequestShape[];
      readonly connections: number;
      readonly seconds: number;
      readonly perSecond: number;
      readonly tasks?: readonly string[];
    }
  /** The same over TLS: in a closed loop, or with `perSecond` at a fixed rate. */
  | {
      readonly kind: 'tls';
      readonly target: TlsTarget;
      readonly connections: number;
      readonly seconds: number;
      readonly perSecond?: number;
    }
  /** New connections with a full handshake each, one after the other, to one host or to as many as there are calls (`{n}` in the host). */
  | { readonly kind: 'handshakes'; readonly target: TlsTarget; readonly calls: number }
  /** All at the same moment, each on a connection of its own. */
  | { readonly kind: 'burst'; readonly port: number; readonly shape: RequestShape; readonly calls: number }
  /** Opens event streams, or WebSockets where the shape asks for one, and keeps them until `close`. */
  | { readonly kind: 'streams'; readonly port: number; readonly shape: RequestShape; readonly count: number }
  | { readonly kind: 'close' };

/** Latencies in ms, sorted; only `pace` and `burst` fill them. `failed`: anything but a complete 2xx. */
export interface JobResult {
  readonly completed: number;
  readonly failed: number;
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
  /** Bytes of events received so far, when streams are closed. */
  readonly streamBytes?: number;
}

/** Never repeats in the life of the load process. */
let calls = 0;

/** A fresh path and headers for each call of a shape. */
export function filler(
  tasks: readonly string[] = [],
): (shape: RequestShape) => { path: string; headers: Record<string, string>; body?: string } {
  let used = 0;
  return (shape) => {
    const n = String((calls += 1));
    const task = tasks[used % Math.max(tasks.length, 1)] ?? '';
    used += 1;
    const headers: Record<string, string> = {};
    for (const name in shape.headers) headers[name] = (shape.headers[name] ?? '').replace('{task}', task);
    return {
      path: shape.path.replaceAll('{n}', n),
      headers,
      ...(shape.body === undefined ? {} : { body: shape.body.replaceAll('{n}', n) }),
    };
  };
}
