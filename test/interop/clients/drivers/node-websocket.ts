import { programFile } from '../client.ts';
import { ownCredential, type ServiceClient } from '../service-client.ts';
import { paths, policy, serveWebSockets } from '../services/websockets.ts';

const nodeWebSocket: ServiceClient = {
  name: 'Node WebSocket',
  took: 'nothing',
  limits: ['shows of a refused handshake neither status nor reason'],
  environment: () => ({ NODE_USE_ENV_PROXY: '1' }),
  policy,
  denied: /not opened/,
  revoked: /not opened/,
  serve: serveWebSockets,
  prepare: async () => (deed, origin) => ({
    program: process.execPath,
    argv: [programFile('websocket.mjs'), `${origin.replace(/^http/, 'ws')}${paths[deed]}`, ownCredential],
  }),
};

export const serviceClients = [nodeWebSocket];
