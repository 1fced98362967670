import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Outcome } from '../call.ts';
import { ExeatError, type ErrorCode } from '../errors.ts';
import type { Permit } from '../policy/policy.ts';
import type { Clients } from './client.ts';
import { failureCode } from './failures.ts';
import type { Exchange } from './upstream.ts';

/** How long one side may be silent when the other has said its last: a client that is gone for good looks like one that only listens. */
const halfOpenMs = 60_000;

/** A tunnel on its way: dialled like any other call, then relayed unread, with back-pressure, each half closed by itself. */
export class Tunnelling {
  readonly #permit: Permit;
  readonly #exchange: Exchange;
  readonly #clients: Clients;
  readonly #outcome = Promise.withResolvers<Outcome>();
  #socket: Socket | undefined;
  #address: string | undefined;
  #status: number | undefined;
  #settled = false;
  #sentBytes = 0;
  #receivedBytes = 0;
  #halves = 2;
  #silence: NodeJS.Timeout | undefined;

  constructor(permit: Permit, exchange: Exchange, clients: Clients) {
    this.#permit = permit;
    this.#exchange = exchange;
    this.#clients = clients;
  }

  run(): Promise<Outcome> {
    const { call, reply, control } = this.#exchange;
    const { destination, host } = this.#permit.request.target;
    if (destination.tls !== 'tunnel' || destination.credentialKind !== undefined || call.body === undefined)
      throw new ExeatError('internal_error', 'this destination is not to be relayed unread');
    control.onCut((code) => this.#end(code));
    reply.onClose(() => this.#end(this.#halves < 2 ? undefined : 'client_gone'));
    this.#clients.dial({ host, port: destination.port }, destination).then(
      (socket) => this.#relay(socket, call.body),
      (error: unknown) => {
        if (error instanceof ExeatError) this.#status = error.refusal.receivedStatus;
        this.#end(failureCode(error));
      },
    );
    return this.#outcome.promise;
  }

  #relay(socket: Socket, client: Readable | undefined): void {
    const { reply } = this.#exchange;
    if (this.#settled || client === undefined) return void socket.destroy();
    this.#socket = socket;
    this.#address = socket.remoteAddress;
    this.#status = 200;
    reply.start(200, []);
    socket.on('error', (error) => this.#end(failureCode(error)));
    socket.on('close', () => this.#end(this.#halves === 0 ? undefined : 'upstream_broken'));

    client.on('data', (chunk: Buffer) => {
      this.#sentBytes += chunk.length;
      this.#silence?.refresh();
      if (!socket.write(chunk)) client.pause();
    });
    socket.on('drain', () => client.resume());
    client.on('end', () => this.#finishHalf(() => socket.end()));

    socket.on('data', (chunk: Buffer) => {
      this.#receivedBytes += chunk.length;
      this.#silence?.refresh();
      if (!reply.write(chunk)) socket.pause();
    });
    reply.onDrain(() => socket.resume());
    socket.on('end', () => this.#finishHalf(() => reply.end()));

    this.#limitSilence(this.#permit.request.target.destination.idleTimeoutMs);
    client.resume();
  }

  #finishHalf(close: () => void): void {
    this.#halves -= 1;
    const { idleTimeoutMs } = this.#permit.request.target.destination;
    this.#limitSilence(idleTimeoutMs === 0 ? halfOpenMs : Math.min(idleTimeoutMs, halfOpenMs));
    close();
  }

  #limitSilence(ms: number): void {
    clearTimeout(this.#silence);
    if (ms > 0) this.#silence = setTimeout(() => this.#end('tunnel_idle'), ms).unref();
  }

  /** Both sides at once: after it not a byte passes. */
  #end(code: ErrorCode | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#silence);
    this.#socket?.destroy();
    if (this.#socket !== undefined && code !== undefined) this.#exchange.reply.breakOff();
    this.#outcome.resolve({
      status: this.#status,
      code,
      credentialRejected: false,
      requestBytes: this.#sentBytes,
      responseBytes: this.#receivedBytes,
      upstreamAddress: this.#address,
      removed: [],
    });
  }
}
