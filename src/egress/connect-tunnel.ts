import type { Socket } from 'node:net';
import { ExeatError } from '../errors.ts';
import type { Secret } from '../secret.ts';

const largestHeadBytes = 16 * 1024;

/** A status line and fields, nothing folded, no control characters (RFC 9112 §4 and §5). */
const wellFormed = /^HTTP\/1\.[01] (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?\r\n(?:[!#$%&'*+.^_`|~\w-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n$/;

/**
 * Has the proxy at the other end of this connection open a tunnel to `target`, `host:port` (RFC 9110 §9.3.6); from then on the connection is the
 * target's. Rejects with an `upstream_proxy_…` code; the connection is then of no use.
 */
export function openTunnel(socket: Socket, target: string, authorization: Secret | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let received = '';
  const read = (): void => {
    for (let chunk: unknown = socket.read(); Buffer.isBuffer(chunk); chunk = socket.read()) received += chunk.toString('latin1');
    const answer = answerIn(received);
    if (answer instanceof ExeatError) reject(answer);
    else if (answer) resolve();
  };
  const over = (): void => reject(malformed('the upstream proxy broke off before it answered CONNECT'));
  socket.on('readable', read).once('end', over).once('close', over);
  const credentials = authorization === undefined ? '' : `Proxy-Authorization: ${authorization.reveal()}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`, 'latin1');
  return promise.finally(() => socket.off('readable', read).off('end', over).off('close', over));
}

/** What has come of an answer so far. True: the tunnel is open. False: more is to come. */
export function answerIn(received: string): ExeatError | boolean {
  if (!received.startsWith('HTTP/1.') && !'HTTP/1.'.startsWith(received)) return malformed('the upstream proxy does not answer in HTTP');
  const end = received.indexOf('\r\n\r\n');
  if (end === -1 ? received.length > largestHeadBytes : end > largestHeadBytes)
    return malformed("the upstream proxy's answer is too large");
  // Without its CR no line ends, and the end would never come.
  if (/(?<!\r)\n/.test(end === -1 ? received : received.slice(0, end)))
    return malformed("the upstream proxy's lines do not end as they must");
  if (end === -1) return false;
  const status = Number(wellFormed.exec(received.slice(0, end + 4))?.[1]);
  if (!(status >= 200 && status <= 599)) return malformed("the upstream proxy's answer to CONNECT cannot be read");
  if (status < 300) {
    // Neither TLS nor HTTP lets the far side speak first, and what the proxy says must not be taken for the destination.
    return received.length === end + 4 || malformed('the upstream proxy sent more than the answer to CONNECT');
  }
  const refused = status === 407 ? 'upstream_proxy_authentication_failed' : 'upstream_proxy_refused';
  return new ExeatError({ refused, receivedStatus: status }, `the upstream proxy answered CONNECT with status ${status}`);
}

function malformed(message: string): ExeatError {
  return new ExeatError('upstream_proxy_malformed', message);
}
