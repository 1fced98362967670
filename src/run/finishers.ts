import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/schema.ts';
import { splitEnvironment } from './environment.ts';
import { abandonedRuns, readRecord } from './folders.ts';

const script = fileURLToPath(new URL(`./finish${extname(import.meta.filename)}`, import.meta.url));

/** How long the end of a run waits for them: they go on without it. */
const patienceMs = 3000;

/**
 * Ends what earlier runs have left behind when they were killed, each in a process of its own that makes one try: the configuration of another
 * run has its own working directory. What comes back tells, at the end of this run, how many were ended; what was not is left to the next run.
 */
export function finishEarlierRuns(config: Config): () => Promise<number> {
  const finishing = abandonedRuns(config, Date.now()).map((state) => finish(state, config));
  return async () => {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), patienceMs);
    const ended = await Promise.all(finishing.map((each) => Promise.race([each, late])));
    clearTimeout(timer);
    return ended.filter((done) => done).length;
  };
}

async function finish(state: string, config: Config): Promise<boolean> {
  const { passed, held } = splitEnvironment(process.env, config);
  try {
    const { cwd } = readRecord(state);
    // In a session of its own: what ends this run is not meant for it.
    const finisher = spawn(process.execPath, [script, state], { cwd, env: passed, stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    finisher.unref();
    finisher.stdin?.on('error', () => undefined).end(JSON.stringify(held));
    const [code] = (await once(finisher, 'exit')) as [number | null];
    return code === 0;
  } catch {
    return false;
  }
}
