import { json } from 'node:stream/consumers';
import { finishRun } from './run.ts';

// A process of its own: `node finish.ts STATE`, in the working directory of the run that it ends. The variables that secrets are read from come in
// on stdin, where /proc shows nobody what they hold.
const [, , state = ''] = process.argv;
Object.assign(process.env, await json(process.stdin));
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
process.exitCode = (await finishRun(state, silent)) ? 0 : 1;
