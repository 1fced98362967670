import { hash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Where installed packages and built programs stay from one run to the next. Safe to delete. */
export const cacheFolder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'exeat', 'interop');

/**
 * A folder that `make` filled, in this run or an earlier one with the same inputs. It is made under another name and moved into place whole,
 * so that what is in it must not know where it lies; of two runs at once one wins.
 */
export async function cached(name: string, inputs: readonly string[], make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder, `${name}-${hash('sha256', JSON.stringify(inputs)).slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(dirname(draft), { recursive: true });
  mkdirSync(draft);
  try {
    await make(draft);
    if (!existsSync(folder)) renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}
