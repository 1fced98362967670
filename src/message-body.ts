import type { Readable } from 'node:stream';
import type { InboundCall, Reply } from './call.ts';
import { refuse, type Refusal } from './errors.ts';
import { HeldBytes } from './held-bytes.ts';

/** How long a client may take to send a body that has to be read before anything is decided. */
const patienceMs = 60_000;

const nothing = Buffer.alloc(0);

/** A body that was read whole, counted until `release`. */
export interface HeldBody {
  readonly bytes: Buffer;
  release(): void;
}

/** Reads a request's body whole; a refusal where it is longer than the limit, slow, or broken off, or where too much is held already. Never throws. */
export function holdBody(call: InboundCall, reply: Reply, limitBytes: number): Promise<HeldBody | Refusal> {
  const { body } = call;
  if (body === undefined) return Promise.resolve({ bytes: nothing, release: () => {} });
  if ((call.bodyLength ?? 0) > limitBytes) return Promise.resolve(refuse('body_too_large'));
  if (call.expectsContinue) reply.proceed();
  return collect(body, limitBytes);
}

function collect(body: Readable, limitBytes: number): Promise<HeldBody | Refusal> {
  const chunks: Buffer[] = [];
  const held = new HeldBytes(limitBytes);
  const release = (): void => held.release();
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle(refuse('request_timeout')), patienceMs).unref();
    const settle = (result: HeldBody | Refusal): void => {
      clearTimeout(timer);
      body.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      if ('refused' in result) {
        release();
        body.pause();
      }
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      const full = held.add(chunk.length);
      if (full !== undefined) settle(full === 'too large' ? refuse('body_too_large') : refuse('overloaded', { retryAfterS: 1 }));
    };
    const onEnd = (): void => settle({ bytes: Buffer.concat(chunks), release });
    const onGone = (): void => settle(refuse('client_gone'));
    body.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}
