import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { execute } from './program.ts';
import { environment, tool } from './tools.ts';

const installMs = 5 * 60_000;

/** A folder with these npm packages installed, and the programs of another folder beside them, which may import them by name. */
export async function nodePackages(packages: readonly string[], programs: string): Promise<string> {
  const npm = await tool('npm');
  const folder = await cached('node', packages, async (draft) => {
    const options = { cwd: draft, env: environment(), patienceMs: installMs };
    await execute(npm, ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', draft, ...packages], options);
  });
  cpSync(programs, folder, { recursive: true });
  return folder;
}

/** What `packages` brings to run under a name of its own. */
export function packageProgram(folder: string, name: string): string {
  return join(folder, 'node_modules/.bin', name);
}
