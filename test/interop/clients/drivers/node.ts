import { programArguments, programFile, type Client } from '../client.ts';

export const nodeFetch: Client = {
  name: 'Node fetch',
  proxyRefused: /Proxy Authentication Required \(407\)/,
  environment: () => ({ NODE_USE_ENV_PROXY: '1' }),
  prepare: async () => (ask) => ({ program: process.execPath, argv: [programFile('fetch.mjs'), ...programArguments(ask)] }),
};
