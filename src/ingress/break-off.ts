import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** Ends a connection at once, by a reset where there is one: a FIN could be taken for the end that the destination meant. */
export function breakOff(socket: Duplex): void {
  if (isTcp(socket)) socket.resetAndDestroy();
  else socket.destroy();
}

function isTcp(socket: Duplex): socket is Socket {
  return socket instanceof Socket && !(socket instanceof TLSSocket) && socket.remotePort !== undefined;
}
