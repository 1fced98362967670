import { join } from 'node:path';
import { cached } from '../../support/cache.ts';
import { execute } from '../../support/program.ts';
import { environment, tool } from '../../support/tools.ts';
import { programArguments, programFile, type Client } from '../client.ts';

const packages = ['requests==2.34.2', 'httpx==0.28.1'];

/** It asks for each connection to be closed. */
const urllib: Client = { ...python('Python urllib', 'urllib_client.py'), lacks: ['keep-alive'] };
const requests = python('Python requests', 'requests_client.py');
const httpx = python('Python httpx', 'httpx_client.py');

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

export const clients = [urllib, requests, httpx];
