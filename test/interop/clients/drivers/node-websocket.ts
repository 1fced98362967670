import { createServer } from 'node:https';
import { WebSocketServer } from 'ws';
import { programFile } from '../client.ts';
import { ownCredential, type ServiceClient, type ServiceOptions } from '../service-client.ts';

const paths = { allowed: '/tickets', denied: '/secret', followed: '/events' } as const;

const nodeWebSocket: ServiceClient = {
  name: 'Node WebSocket',
  took: 'nothing',
  limits: ['shows of a refused handshake neither status nor reason'],
  environment: () => ({ NODE_USE_ENV_PROXY: '1' }),
  policy: `permit (principal, action == Action::"websocket", resource) unless { context.http.path == "${paths.denied}" };`,
  denied: /not opened/,
  revoked: /not opened/,
  serve: serveWebSockets,
  prepare: async () => (deed, origin) => ({
    program: process.execPath,
    argv: [programFile('websocket.mjs'), `${origin.replace(/^http/, 'ws')}${paths[deed]}`, ownCredential],
  }),
};

export const serviceClients = [nodeWebSocket];

/** Says to each client who it is, and to whoever follows the events the first one. */
function serveWebSockets({ cert, key, admit }: ServiceOptions): ReturnType<ServiceClient['serve']> {
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
