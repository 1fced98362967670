import { join } from 'node:path';
import { cached } from '../../support/cache.ts';
import { execute } from '../../support/program.ts';
import { environment, tool } from '../../support/tools.ts';
import { programArguments, programFile, type Client } from '../client.ts';
import { ownCredential, type Deed, type ServiceClient } from '../service-client.ts';
import * as grpc from '../services/grpc.ts';
import * as modelApi from '../services/model-api.ts';
import * as websockets from '../services/websockets.ts';

const packages = [
  'requests==2.34.2',
  'httpx[http2]==0.28.1',
  'urllib3==2.8.0',
  'aiohttp==3.14.5',
  'websockets==17.4',
  'grpcio==1.85.3',
  'openai==3.57.0',
  'anthropic==2.13.0',
];

/** It asks for each connection to be closed. */
const urllib: Client = { ...python('Python urllib', 'urllib_client.py'), lacks: ['keep-alive'] };
const requests = python('Python requests', 'requests_client.py');
const httpx = python('Python httpx', 'httpx_client.py');
const httpx2: Client = { ...python('Python httpx (HTTP/2)', 'httpx2_client.py'), http2: true };
const urllib3: Client = {
  ...python('Python urllib3', 'urllib3_client.py'),
  took: 'setting: `ProxyManager` with the URL from the environment',
};
const aiohttp: Client = { ...python('Python aiohttp', 'aiohttp_client.py'), took: 'setting: `trust_env=True`' };

function python(name: string, script: string): Client {
  return {
    name,
    took: 'nothing',
    prepare: async () => {
      const program = await interpreter();
      return (ask) => ({ program, argv: ['-B', programFile(script), ...programArguments(ask)] });
    },
  };
}

/** A virtual environment with the packages. */
async function interpreter(): Promise<string> {
  const python3 = await tool('python3', 'python3-venv');
  const folder = await cached('python', [python3, ...packages], async (draft) => {
    const options = { env: environment(), patienceMs: 5 * 60_000 };
    await execute(python3, ['-m', 'venv', draft], options);
    await execute(join(draft, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...packages], options);
  });
  return join(folder, 'bin/python');
}

export const clients = [urllib, requests, httpx, httpx2, urllib3, aiohttp];

export const serviceClients: readonly ServiceClient[] = [
  {
    name: 'Python websockets',
    took: 'nothing',
    policy: websockets.policy,
    serve: websockets.serveWebSockets,
    prepare: script('websockets_client.py', (deed, origin) => [`${origin.replace(/^http/, 'ws')}${websockets.paths[deed]}`]),
  },
  {
    name: 'Python grpcio',
    took: 'nothing',
    policy: grpc.policy,
    destination: grpc.destination,
    serve: grpc.serveGrpc,
    prepare: script('grpcio_client.py', (deed, origin) => [new URL(origin).hostname, grpc.methods[deed], grpc.kinds[deed].join()]),
  },
  {
    name: 'OpenAI SDK (Python)',
    took: 'nothing',
    policy: modelApi.policy,
    destination: modelApi.destination,
    serve: modelApi.serveModels,
    prepare: script('openai_client.py', (deed, origin) => [origin, modelApi.models[deed]]),
  },
  {
    name: 'Anthropic SDK (Python)',
    took: 'nothing',
    policy: modelApi.policy,
    destination: modelApi.destination,
    serve: modelApi.serveModels,
    prepare: script('anthropic_client.py', (deed, origin) => [origin, modelApi.models[deed]]),
  },
];

/** The script with these words, and the agent's own credential behind them. */
function script(name: string, words: (deed: Deed, origin: string) => readonly string[]): ServiceClient['prepare'] {
  return async () => {
    const program = await interpreter();
    return (deed, origin) => ({ program, argv: ['-B', programFile(name), ...words(deed, origin), ownCredential] });
  };
}
