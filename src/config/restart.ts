import { ExeatError } from '../errors.ts';
import type { Config } from './schema.ts';

/** What a running process cannot change about itself. */
const fixedAtStart = ['listen', 'control', 'identity', 'authority', 'audit'] as const;

/** The next configuration, when a reload can put it in force; else throws and names what takes a restart. */
export function assertReloadable(current: Config, next: Config): Config {
  const changed = fixedAtStart.filter((key) => JSON.stringify(current[key]) !== JSON.stringify(next[key]));
  if (current.tasks.state !== next.tasks.state)
    throw new ExeatError('invalid_input', '"tasks.state" changed; that takes effect at a restart only');
  if (changed.length > 0)
    throw new ExeatError('invalid_input', `${changed.map((key) => `"${key}"`).join(', ')} changed; that takes effect at a restart only`);
  return next;
}
