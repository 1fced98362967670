import { ExeatError } from '../errors.ts';
import { missingSecrets } from './files.ts';
import type { Config } from './schema.ts';

/** What a running process cannot change about itself. */
const fixedAtStart = ['listen', 'control', 'identity', 'authority', 'tls', 'audit', 'log', 'reload'] as const;

/** The next configuration, when a reload can put it in force; else throws and names all that takes a restart, and secrets that it would lack. */
export function assertReloadable(current: Config, next: Config): Config {
  const changed: string[] = fixedAtStart.filter((key) => JSON.stringify(current[key]) !== JSON.stringify(next[key]));
  if (current.tasks.state !== next.tasks.state) changed.push('tasks.state');
  if (JSON.stringify(current.approvals.webhook) !== JSON.stringify(next.approvals.webhook)) changed.push('approvals.webhook');
  // One that is missing already must not bar the way: a policy may have to change at once.
  const before = new Set(missingSecrets(current));
  const problems = [
    ...changed.map((key) => `"${key}" changed; that takes effect at a restart only`),
    ...missingSecrets(next).filter((line) => !before.has(line)),
  ];
  if (problems.length > 0) throw new ExeatError('invalid_input', problems.join('\n'));
  return next;
}
