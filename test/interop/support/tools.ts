import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execute } from './program.ts';

const installMs = 10 * 60_000;

/** The absolute path of a program of this machine. What is missing is installed where this is root on Debian; elsewhere it is a failure that says what to install. */
export async function tool(name: string, debianPackage = name): Promise<string> {
  const found = onPath(name);
  if (found !== undefined) return found;
  const apt = process.getuid?.() === 0 ? onPath('apt-get') : undefined;
  const advice = `${name} is missing on this machine: install it (Debian: apt-get install ${debianPackage})`;
  if (apt === undefined) throw new Error(advice);
  const options = { env: { ...environment(), DEBIAN_FRONTEND: 'noninteractive' }, patienceMs: installMs };
  await execute(apt, ['update', '-q'], options);
  await execute(apt, ['install', '-q', '-y', '--no-install-recommends', debianPackage], options).catch((error: unknown) => {
    throw new Error(advice, { cause: error });
  });
  const installed = onPath(name);
  if (installed === undefined) throw new Error(`the package ${debianPackage} does not bring ${name}`);
  return installed;
}

/** This process's environment without proxy settings and what steers Node, but for roots: for installers and for Exeat's own commands. */
export function environment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/proxy|^node_(?!extra_ca_certs)|^exeat_/i.test(name));
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function onPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
