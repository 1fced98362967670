import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../../support/cache.ts';
import { execute } from '../../support/program.ts';
import { environment, tool } from '../../support/tools.ts';
import { programArguments, programFile, type Client } from '../client.ts';

const sources = ['Cargo.toml', 'main.rs'];

const reqwest: Client = {
  name: 'Rust reqwest',
  took: 'nothing',
  http2: true,
  limits: ['shows of a refused CONNECT the status alone'],
  tunnelRefused: /ProxyAuthRequired/,
  prepare: async () => {
    const cargo = await tool('cargo');
    const texts = sources.map((name) => readFileSync(programFile(`rust/${name}`), 'utf8'));
    const folder = await cached('rust', texts, async (draft) => {
      for (const name of sources) copyFileSync(programFile(`rust/${name}`), join(draft, name));
      await execute(cargo, ['build', '--quiet'], { cwd: draft, env: environment(), patienceMs: 10 * 60_000 });
      for (const name of ['build', 'deps', 'incremental', '.fingerprint']) rmSync(join(draft, 'target/debug', name), { recursive: true });
    });
    return (ask) => ({ program: join(folder, 'target/debug/client'), argv: programArguments(ask) });
  },
};

export const clients = [reqwest];
