import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

/** Takes a connection from a connector of undici's, for someone who reads it as it comes. */
export function bare(connect: buildConnector.connector, { host, port }: { readonly host: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect({ protocol: 'http:', hostname: host, port: String(port) }, (error, socket) => {
      if (error !== null) return reject(error);
      // A listener for `readable`, which pools want, would keep data from flowing.
      socket.removeAllListeners('readable');
      socket.allowHalfOpen = true;
      return resolve(socket);
    });
  });
}
