import { readFileSync } from 'node:fs';

/** What is kept from the agent's calls: control, health and authority connections, audit log, state, and what Node itself has open. */
const kept = 200;

/**
 * How many connections callers may have, and as many again destinations: files that a process may have open are few, and one that has none left
 * can neither be told to revoke nor do it. `most` where the system does not say how many there are. Node has raised that number as far as it may.
 */
export function connectionShare(most: number): number {
  const limit = Number(/^Max open files +(\d+)/m.exec(limits())?.[1] ?? Infinity);
  return Math.max(16, Math.min(most, Math.floor((limit - kept) / 2)));
}

function limits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
