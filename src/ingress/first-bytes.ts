import type { Socket } from 'node:net';
import { type Opening, readOpening } from './client-hello.ts';

/** How long a client may wait after the tunnel is open before it says enough to tell what it speaks. */
const openingTimeoutMs = 30_000;

/** `gone`: the client closed before; `silent`: it did not say enough in time. */
type FirstBytes = Exclude<Opening, { readonly kind: 'more' }> | { readonly kind: 'gone' } | { readonly kind: 'silent' };

/**
 * Looks at the first bytes of an opened tunnel and puts them back: whoever reads the socket next reads them again. `early` came together with the
 * CONNECT.
 */
export function firstBytes(socket: Socket, early: Buffer): Promise<FirstBytes> {
  const { promise, resolve } = Promise.withResolvers<FirstBytes>();
  let bytes = early;
  const settle = (opening: FirstBytes) => {
    clearTimeout(timer);
    socket.off('data', take).off('end', gone).off('close', gone);
    socket.pause();
    if (bytes.length > 0 && opening.kind !== 'gone') socket.unshift(bytes);
    resolve(opening);
  };
  const look = () => {
    const opening = readOpening(bytes);
    if (opening.kind !== 'more') settle(opening);
    return opening.kind;
  };
  const take = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    look();
  };
  const gone = () => settle({ kind: 'gone' });
  const timer = setTimeout(() => settle({ kind: 'silent' }), openingTimeoutMs).unref();
  if (look() === 'more') {
    socket.on('data', take).once('end', gone).once('close', gone);
    socket.resume();
  }
  return promise;
}
