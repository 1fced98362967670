import { createServer } from 'node:https';
import { WebSocketServer } from 'ws';
import type { Deed, ServiceClient, ServiceOptions } from '../service-client.ts';

export const paths: Readonly<Record<Deed, string>> = { allowed: '/tickets', denied: '/secret', followed: '/events' };

export const policy = `permit (principal, action == Action::"websocket", resource) unless { context.http.path == "${paths.denied}" };`;

/** Says to each client who it is, and to whoever follows the events the first one. */
export function serveWebSockets({ cert, key, admit }: ServiceOptions): ReturnType<ServiceClient['serve']> {
  const sockets = new WebSocketServer({
    noServer: true,
    verifyClient: ({ req }, verified) => void admit(req.headers).then((claims) => verified(claims !== undefined, 401)),
  });
  sockets.on('connection', (client, { url, headers }) => {
    if (url === paths.followed) client.send('event 1');
    else void admit(headers).then((claims) => client.send(JSON.stringify(claims), () => client.close(1000)));
  });
  const server = createServer({ cert, key });
  return server.on('upgrade', (request, socket, early) => {
    sockets.handleUpgrade(request, socket, early, (client) => sockets.emit('connection', client, request));
  });
}
