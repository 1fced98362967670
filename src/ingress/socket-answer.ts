import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { detailOf, proxyStatusOf, statusOf, type Refusal } from '../errors.ts';
import { problemBody, problemType } from '../problem.ts';

/** A whole answer; headers flat. */
export interface Told {
  readonly status: number;
  readonly headers: readonly string[];
  /** For clients that show the status line and nothing else. */
  readonly reason: string | undefined;
  readonly body: Uint8Array;
}

/** How long a refused socket may take to read its answer. */
const lingerMs = 1000;

/** The answer to bytes that could not be read, or that have no call. */
export function toldOf(refusal: Refusal): Told {
  const body = Buffer.from(problemBody(refusal));
  const headers = ['content-type', problemType, 'content-length', String(body.length), 'cache-control', 'no-store'];
  headers.push('proxy-status', proxyStatusOf(refusal.refused));
  return { status: statusOf(refusal.refused), headers, reason: detailOf(refusal), body };
}

/** Answers on the bare socket, where there is no response object, and closes it when the client has had time to read. */
export function endWith(socket: Duplex, told: Told): void {
  socket.on('error', ignore);
  if (!socket.writable) return void socket.destroy();
  // What is written of an answer still leaves; `end` alone would wait for the client to close.
  if (isAnswering(socket)) return void socket.end(() => socket.destroy());
  socket.end(textOf({ ...told, headers: [...told.headers, 'connection', 'close'] }), () =>
    setTimeout(() => socket.destroy(), lingerMs).unref(),
  );
  // Closing under what the client still sends would reset the connection, and the answer with it (RFC 9112 §9.6).
  socket.resume();
}

/** Answers on the bare socket, which stays open. */
export function writeTo(socket: Duplex, told: Told): void {
  socket.write(textOf(told));
}

function textOf({ status, headers, reason, body }: Told): Buffer {
  const lines = [`HTTP/1.1 ${status} ${reason ?? STATUS_CODES[status] ?? ''}`];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

function ignore(): void {}

/** Node's own mark of a response in progress: what comes after it must not be written into it. */
const responseMark = '_httpMessage';

export function isAnswering(socket: Duplex): boolean {
  return responseMark in socket && socket[responseMark] !== null && socket[responseMark] !== undefined;
}
