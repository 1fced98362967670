import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import type { Dispatcher } from 'undici';
import { ExeatError } from '../errors.ts';
import type { Connect, Connection } from './connector.ts';
import { Http2Exchange, type Http2Line } from './http2-exchange.ts';

export interface Http2PoolOptions extends Pick<Http2Line, 'scheme' | 'headersTimeoutMs' | 'idleTimeoutMs'> {
  readonly connect: Connect;
  /** Called with the address whose bytes are being read. */
  readonly answering: (address: string) => void;
}

interface Open {
  readonly session: ClientHttp2Session;
  readonly address: string;
  /** How many calls the peer takes at once. */
  room: number;
  running: number;
}

/** Before the peer has said how many calls it takes at once, and the most that are sent on one connection whatever it says. */
const [roomAtFirst, mostRoom] = [100, 1000];
const maxConnections = 64;
const settings = { settings: { enablePush: false }, strictSingleValueFields: false };
/** How long a connection may be without calls, and how long one with calls may be silent before it has to show that it lives. */
const idleMs = 60_000;
const pongMs = 20_000;

/** Connections of HTTP/2 to one origin: a new one when those there are full or are told to go away. A dispatcher like undici's, for whole calls. */
export class Http2Pool {
  readonly #options: Http2PoolOptions;
  readonly #open = new Set<Open>();
  #opening: Promise<void> | undefined;
  #closed = false;

  constructor(options: Http2PoolOptions) {
    this.#options = options;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    for (const open of this.#open) {
      if (open.running < open.room) return this.#run(open, options, handler);
    }
    void this.#more().then(
      () => this.dispatch(options, handler),
      (error: unknown) => fail(handler, error),
    );
    return true;
  }

  /** Takes no more calls; connections end with those that run. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening?.catch(() => {});
    await Promise.all([...this.#open].map(({ session }) => new Promise<void>((resolve) => session.close(resolve))));
  }

  #run(open: Open, options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { scheme, headersTimeoutMs, idleTimeoutMs, answering } = this.#options;
    const { session, address } = open;
    open.running += 1;
    const ended = () => (open.running -= 1);
    const line = { session, scheme, headersTimeoutMs, idleTimeoutMs, answering: () => answering(address), ended };
    new Http2Exchange(handler, line).run(options);
    return true;
  }

  #more(): Promise<void> {
    if (this.#closed) return Promise.reject(new ExeatError('shutting_down'));
    if (this.#open.size >= maxConnections) return Promise.reject(new ExeatError('overloaded'));
    this.#opening ??= this.#options
      .connect()
      .then((connection) => this.#add(connection))
      .finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  #add({ socket, address }: Connection): void {
    const { scheme } = this.#options;
    if (scheme === 'https' && (!('alpnProtocol' in socket) || socket.alpnProtocol !== 'h2')) {
      socket.destroy();
      throw new ExeatError('http2_missing');
    }
    // The name is in each call; this one goes nowhere.
    const session = connectHttp2(`${scheme}://upstream.invalid`, { ...settings, createConnection: () => socket });
    const open: Open = { session, address, room: roomAtFirst, running: 0 };
    const remove = () => this.#open.delete(open);
    session.on('remoteSettings', ({ maxConcurrentStreams = mostRoom }) => (open.room = Math.min(maxConcurrentStreams, mostRoom)));
    session.on('error', remove).on('goaway', remove).on('close', remove);
    session.setTimeout(idleMs, () => (open.running === 0 ? session.close() : probe(session)));
    session.unref();
    this.#open.add(open);
  }
}

function probe(session: ClientHttp2Session): void {
  const timer = setTimeout(() => session.destroy(), pongMs).unref();
  if (!session.ping(() => clearTimeout(timer))) clearTimeout(timer);
}

/** As undici tells it, without a connection to control. */
function fail(handler: Dispatcher.DispatchHandler, error: unknown): void {
  const reason = error instanceof Error ? error : new ExeatError('internal_error');
  const controller: Dispatcher.DispatchController = {
    aborted: true,
    paused: false,
    reason,
    rawHeaders: null,
    rawTrailers: null,
    abort() {},
    pause() {},
    resume() {},
  };
  handler.onResponseError?.(controller, reason);
}
