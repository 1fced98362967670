import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * Takes the environment that this process was started with out of what /proc and `ps` show of it; `process.env` stays as it is. The kernel shows
 * the process's own memory: the variables are set anew, which copies them elsewhere, and where they were is overwritten. A process that starts
 * itself again would show the same, and need a way to hand the secrets over. Linux only; false where it could not be done.
 */
export function hideInitialEnvironment(): boolean {
  if (process.platform !== 'linux') return false;
  Object.assign(process.env, { ...process.env });
  try {
    const { start, end } = whereItIs();
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      writeSync(memory, Buffer.alloc(end - start), 0, end - start, start);
    } finally {
      closeSync(memory);
    }
    return readFileSync('/proc/self/environ').every((byte) => byte === 0);
  } catch {
    return false;
  }
}

/** proc_pid_stat(5): fields 50 and 51, counted behind the program's name, which may hold anything. */
function whereItIs(): { readonly start: number; readonly end: number } {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { start: Number(fields[47]), end: Number(fields[48]) };
}
