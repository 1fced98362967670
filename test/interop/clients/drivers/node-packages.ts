import { join } from 'node:path';
import { nodePackages } from '../../support/node-packages.ts';
import { programArguments, programFile, type Client } from '../client.ts';
import { ownCredential, type Deed, type ServiceClient } from '../service-client.ts';
import * as grpc from '../services/grpc.ts';
import * as modelApi from '../services/model-api.ts';
import * as websockets from '../services/websockets.ts';

const packages = [
  'undici@8.13.1',
  'axios@1.21.1',
  'got@16.1.0',
  'ws@8.23.0',
  'https-proxy-agent@9.1.0',
  '@grpc/grpc-js@1.14.7',
  'openai@7.57.0',
  '@anthropic-ai/sdk@1.13.0',
];

const useEnvironment = () => ({ NODE_USE_ENV_PROXY: '1' });

const undici: Client = {
  ...library('undici', 'undici.mjs'),
  took: 'setting: `EnvHttpProxyAgent` as its dispatcher',
  limits: ['shows of a 407 the status alone'],
  proxyRefused: /Proxy Authentication Required \(407\)/,
};
const axios: Client = {
  ...library('axios', 'axios.mjs'),
  lacks: ['keep-alive'],
  limits: ['stops an upload that is answered early'],
};
/** It has no setting for a proxy, and takes Node's agent, which reads the environment. */
const got: Client = { ...library('got', 'got.mjs'), environment: useEnvironment };

export const clients = [undici, axios, got];

export const serviceClients: readonly ServiceClient[] = [
  {
    name: 'ws',
    took: 'setting: `HttpsProxyAgent` with the URL from the environment as its `agent`',
    policy: websockets.policy,
    serve: websockets.serveWebSockets,
    prepare: script('ws.mjs', (deed, origin) => [`${origin.replace(/^http/, 'ws')}${websockets.paths[deed]}`]),
  },
  {
    name: 'Node grpc-js',
    took: 'nothing',
    policy: grpc.policy,
    destination: grpc.destination,
    serve: grpc.serveGrpc,
    prepare: script('grpc.mjs', (deed, origin) => [new URL(origin).hostname, grpc.methods[deed], grpc.kinds[deed].join()]),
  },
  {
    name: 'OpenAI SDK (Node)',
    took: 'nothing',
    environment: useEnvironment,
    policy: modelApi.policy,
    destination: modelApi.destination,
    serve: modelApi.serveModels,
    prepare: script('openai.mjs', (deed, origin) => [origin, modelApi.models[deed]]),
  },
  {
    name: 'Anthropic SDK (Node)',
    took: 'nothing',
    environment: useEnvironment,
    policy: modelApi.policy,
    destination: modelApi.destination,
    serve: modelApi.serveModels,
    prepare: script('anthropic.mjs', (deed, origin) => [origin, modelApi.models[deed]]),
  },
];

function library(name: string, program: string): Client {
  return {
    name,
    took: 'nothing',
    prepare: async () => {
      const path = await programPath(program);
      return (ask) => ({ program: process.execPath, argv: [path, ...programArguments(ask)] });
    },
  };
}

/** The program with these words, and the agent's own credential behind them. */
function script(name: string, words: (deed: Deed, origin: string) => readonly string[]): ServiceClient['prepare'] {
  return async () => {
    const path = await programPath(name);
    return (deed, origin) => ({ program: process.execPath, argv: [path, ...words(deed, origin), ownCredential] });
  };
}

async function programPath(name: string): Promise<string> {
  return join(await nodePackages(packages, programFile('node')), name);
}
