import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../../support/cache.ts';
import { execute } from '../../support/program.ts';
import { environment, tool } from '../../support/tools.ts';
import { programArguments, programFile, type Client } from '../client.ts';

const source = programFile('client.go');

const go: Client = {
  name: 'Go net/http',
  took: 'nothing',
  http2: true,
  limits: ['shows of a refused CONNECT the reason alone'],
  // Of the answer to a CONNECT it shows the reason alone.
  tunnelRefused: /The task credential is not known here/,
  prepare: async () => {
    const compiler = await tool('go', 'golang-go');
    const version = await execute(compiler, ['version'], { env: environment() });
    const folder = await cached('go', [version, readFileSync(source, 'utf8')], async (draft) => {
      await execute(compiler, ['build', '-o', join(draft, 'client'), source], { env: environment(), patienceMs: 5 * 60_000 });
    });
    return (ask) => ({ program: join(folder, 'client'), argv: programArguments(ask) });
  },
};

export const clients = [go];
