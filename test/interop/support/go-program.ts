import { join } from 'node:path';
import { cached } from './cache.ts';
import { execute } from './program.ts';
import { environment, tool } from './tools.ts';

const buildMs = 20 * 60_000;

/** The path of a Go program, built from its module at that version. */
export async function goProgram(module: string, version: string): Promise<string> {
  const compiler = await tool('go', 'golang-go');
  const name = module.slice(module.lastIndexOf('/') + 1);
  const folder = await cached(name, [module, version, await execute(compiler, ['version'], { env: environment() })], async (draft) => {
    await execute(compiler, ['install', `${module}@${version}`], { env: { ...environment(), GOBIN: draft }, patienceMs: buildMs });
  });
  return join(folder, name);
}
