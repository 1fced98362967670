import { programArguments, programFile, type Client } from '../client.ts';

const nodeFetch: Client = {
  name: 'Node fetch',
  took: 'nothing',
  limits: ['throws at a 407, with its number alone'],
  proxyRefused: /Proxy Authentication Required \(407\)/,
  environment: () => ({ NODE_USE_ENV_PROXY: '1' }),
  prepare: async () => (ask) => ({ program: process.execPath, argv: [programFile('fetch.mjs'), ...programArguments(ask)] }),
};

export const clients = [nodeFetch];
