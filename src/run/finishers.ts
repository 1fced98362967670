import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/schema.ts';
import { splitEnvironment } from './environment.ts';
import { abandonedRuns, readRecord } from './folders.ts';

const script = fileURLToPath(new URL(`./finish${extname(import.meta.filename)}`, import.meta.url));

/**
 * Ends what earlier runs have left behind when they were killed, each in a process of its own that makes one try: the configuration of another
 * run has its own working directory. Settles with how many were ended; one that was not is left to the next run.
 */
export async function finishEarlierRuns(config: Config): Promise<number> {
  const ended = await Promise.all(abandonedRuns(config).map((state) => finish(state, config)));
  return ended.filter((done) => done).length;
}

async function finish(state: string, config: Config): Promise<boolean> {
  const { passed, held } = splitEnvironment(process.env, config);
  try {
    const { cwd } = readRecord(state);
    const finisher = spawn(process.execPath, [script, state], { cwd, env: passed, stdio: ['pipe', 'ignore', 'ignore'] });
    finisher.stdin?.on('error', () => undefined).end(JSON.stringify(held));
    const [code] = (await once(finisher, 'exit')) as [number | null];
    return code === 0;
  } catch {
    return false;
  }
}
