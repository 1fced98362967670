import { programArguments, programFile, type Client } from '../client.ts';

const nodeFetch: Client = {
  name: 'Node fetch',
  took: 'nothing',
  limits: ['shows of a 407 the status alone'],
  proxyRefused: /Proxy Authentication Required \(407\)/,
  environment: () => ({ NODE_USE_ENV_PROXY: '1' }),
  prepare: async () => (ask) => ({ program: process.execPath, argv: [programFile('fetch.mjs'), ...programArguments(ask)] }),
};

export const clients = [nodeFetch];
