import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { InboundCall, Outcome, Reply } from '../call.ts';
import type { Target } from '../destination.ts';
import { ExeatError, type ErrorCode } from '../errors.ts';
import { grpcStatusIn, unauthenticated } from '../grpc.ts';
import type { Clients } from './client.ts';
import { failureCode } from './failures.ts';
import type { Guard } from './echoes.ts';
import { switchToRelay } from './handshake.ts';
import { responseHeaders, responseTrailers, type OutgoingHeaders, type ResponseFields } from './headers.ts';
import { GuardedReply } from './reflection.ts';
import type { WebSocketRelay } from './relay.ts';
import type { CallControl, Exchange } from './upstream.ts';

export interface ForwardingOptions {
  readonly clients: Clients;
  readonly exchange: Exchange;
  readonly target: Target;
  readonly outgoing: OutgoingHeaders;
  readonly injected: boolean;
  readonly guard: Guard | undefined;
  readonly resolve: (outcome: Outcome) => void;
}

/** More 1xx than this are no hints any more. */
const maxInterims = 64;

/** One call on its way: undici's handler, kept as fields and plain branches because it runs for every chunk. */
export class Forwarding implements Dispatcher.DispatchHandler {
  readonly #call: InboundCall;
  readonly #reply: Reply;
  readonly #guarded: GuardedReply | undefined;
  readonly #control: CallControl;
  readonly #options: ForwardingOptions;
  #controller: Dispatcher.DispatchController | undefined;
  #status: number | undefined;
  #grpcStatus: number | undefined;
  #code: ErrorCode | undefined;
  #rejected = false;
  #ended = false;
  #settled = false;
  /** What Content-Length still owes; the last chunk is held back to leave together with the end, in one write. */
  #owed = -1;
  #last: Uint8Array | undefined;
  #bytes = 0;
  #sentBytes = 0;
  #draining = false;
  #interims = 0;
  #interimsSince = 0;
  #address: string | undefined;
  /** Runs while a request body is sent, where silence has a limit. */
  #silence: NodeJS.Timeout | undefined;
  #relay: WebSocketRelay | undefined;

  constructor(options: ForwardingOptions) {
    this.#options = options;
    const { call, reply, control } = options.exchange;
    this.#call = call;
    const { guard } = options;
    const onUnreadable = (): void => this.#stop('coding_unreadable');
    this.#guarded = guard && new GuardedReply(reply, { search: guard.search, ranges: guard.ranges, onEcho: guard.onEcho, onUnreadable });
    this.#reply = this.#guarded ?? reply;
    this.#control = control;
    control.onCut((code) => this.#stop(code));
    reply.onClose((complete) => {
      if (!complete) this.#stop('client_gone');
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    const code = this.#control.cutCode ?? this.#code;
    if (code !== undefined) return controller.abort(new ExeatError(code));
    if (this.#call.expectsContinue) this.#reply.proceed();
    const { idleTimeoutMs } = this.#options.target.destination;
    if (idleTimeoutMs > 0 && this.#call.body !== undefined)
      this.#silence = setTimeout(() => this.#stop('request_timeout'), idleTimeoutMs).unref();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, fields: ResponseFields): void {
    if (status < 200) return this.#interim(status);
    clearTimeout(this.#silence);
    this.#status = status;
    this.#address = this.#options.clients.answering;
    if (this.#isRejected(status, fields)) return controller.abort(new ExeatError('credential_rejected'));
    const onRoute = this.#call.caller.door === 'route';
    this.#reply.start(status, responseHeaders(fields, this.#options.target, onRoute));
    const length = fields['content-length'];
    if (typeof length === 'string') this.#owed = Number(length);
    else if (status !== 204 && status !== 304 && this.#call.method !== 'HEAD') queueMicrotask(this.#flushHead);
  }

  onRequestUpgrade(_controller: Dispatcher.DispatchController, status: number, fields: ResponseFields, socket: Duplex): void {
    this.#status = status;
    this.#address = this.#options.clients.answering;
    this.#relay = switchToRelay(socket, {
      call: this.#call,
      target: this.#options.target,
      fields,
      guarded: this.#guarded,
      ended: ({ code, sentBytes, receivedBytes }) => {
        this.#code ??= code;
        this.#sentBytes = sentBytes;
        this.#bytes = receivedBytes;
        this.#settle();
      },
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes === this.#owed) {
      this.#last = chunk;
      return;
    }
    if (this.#reply.write(chunk)) return;
    controller.pause();
    if (this.#draining) return;
    this.#draining = true;
    this.#reply.onDrain(() => controller.resume());
  }

  onBodySent(chunk: Uint8Array): void {
    this.#sentBytes += chunk.length;
    this.#silence?.refresh();
    const limit = this.#options.target.destination.bodyLimitBytes;
    if (limit !== undefined && this.#sentBytes > limit) this.#stop('body_too_large');
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: ResponseFields): void {
    this.#ended = true;
    if (this.#isRejected(this.#status, trailers)) return this.#breakOff();
    const pass = this.#call.acceptsTrailers && this.#owed === -1 ? responseTrailers(trailers) : [];
    if (pass.length > 0) this.#reply.end(this.#last, pass);
    else this.#reply.end(this.#last);
    const passed = (): void => {
      const { reply } = this.#options.exchange;
      if (reply.onEnded === undefined) this.#settle();
      else reply.onEnded(() => this.#settle());
    };
    if (this.#guarded === undefined) passed();
    else this.#guarded.onEnded(passed);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    if (!this.#rejected) this.#code ??= this.#call.body?.errored ? 'client_gone' : failureCode(error, this.#status === undefined);
    if (error instanceof ExeatError) this.#status ??= error.refusal.receivedStatus;
    this.#breakOff();
  }

  /** Notes what gRPC says, too. */
  #isRejected(status: number | undefined, fields: ResponseFields): boolean {
    if (this.#call.grpc === true) this.#grpcStatus ??= grpcStatusIn(fields);
    this.#rejected = this.#options.injected && (status === 401 || this.#grpcStatus === unauthenticated);
    return this.#rejected;
  }

  /** Each 1xx renews the client's timeout for the head, so their number and their time have a limit. */
  #interim(status: number): void {
    const now = Date.now();
    if (this.#interims === 0) this.#interimsSince = now;
    this.#interims += 1;
    const { headersTimeoutMs } = this.#options.target.destination;
    if (status < 100 || this.#interims > maxInterims) this.#stop('upstream_malformed');
    else if (headersTimeoutMs > 0 && now - this.#interimsSince > headersTimeoutMs) this.#stop('upstream_timeout');
  }

  /** Ends the call from our side, at once: towards the destination and, if the answer has begun, towards the client. */
  #stop(code: ErrorCode): void {
    if (this.#settled) return;
    if (this.#relay !== undefined) return this.#relay.cut(code);
    this.#code ??= code;
    if (this.#ended) this.#breakOff();
    else if (this.#controller !== undefined) this.#controller.abort(new ExeatError(code));
    else this.#settle();
  }

  #breakOff(): void {
    // What is being decoded is dropped even if nothing of it has been sent.
    if (this.#reply.started || this.#guarded !== undefined) this.#reply.breakOff(this.#rejected ? 'credential_rejected' : this.#code);
    this.#settle();
  }

  readonly #flushHead = (): void => {
    if (this.#bytes === 0 && !this.#settled) this.#reply.flush();
  };

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#silence);
    this.#options.resolve({
      status: this.#status,
      grpcStatus: this.#grpcStatus,
      code: this.#code,
      credentialRejected: this.#rejected && this.#code === undefined,
      requestBytes: this.#sentBytes,
      responseBytes: this.#bytes,
      upstreamAddress: this.#address,
      removed: this.#options.outgoing.removed,
    });
  }
}
