import { join } from 'node:path';
import { nodePackages } from '../../support/node-packages.ts';
import { programFile } from '../client.ts';
import { ownCredential, type ServiceClient } from '../service-client.ts';
import { destination, policy, serveEverything, tools } from '../services/mcp.ts';

const packages = ['@modelcontextprotocol/client@2.4.0', '@modelcontextprotocol/server-everything@2026.8.31'];
let folder = '';

const mcpClient: ServiceClient = {
  name: 'MCP client (Node)',
  took: 'nothing',
  limits: ['ends a call whose stream was cut at its own timeout, a minute unless set'],
  environment: () => ({ NODE_USE_ENV_PROXY: '1' }),
  policy,
  destination,
  serve: serveEverything(() => join(folder, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')),
  prepare: async () => {
    folder = await nodePackages(packages, programFile('node'));
    return (deed, origin) => ({ program: process.execPath, argv: [join(folder, 'mcp.mjs'), `${origin}/mcp`, tools[deed], ownCredential] });
  },
};

export const serviceClients = [mcpClient];
