import { childOf } from './json-schema.ts';
import type { Config } from './schema.ts';

/** Files that the secrets in the config are read from, in the order of the config. */
export function secretFilesOf(config: Config): string[] {
  return [...new Set(references(config))];
}

/** Every config, policy, secret and state file that Exeat relies on. Directories stand for what is directly in them. */
export function trustedPathsOf(config: Config, file: string): string[] {
  const cas = [config.authority?.ca, ...Object.values(config.destinations).map(({ ca }) => ca)];
  const identity = config.identity.source === 'file' ? [config.identity.path] : [];
  const optional = [...cas, config.tasks.state, config.audit.to].filter((path) => path !== undefined);
  return [file, config.policy.directory, ...identity, ...secretFilesOf(config), ...optional];
}

/** The files read when the configuration is loaded; what a watch looks at. */
export function loadedPathsOf(config: Config, file: string): string[] {
  const cas = [config.authority?.ca, ...Object.values(config.destinations).map(({ ca }) => ca)];
  return [file, config.policy.directory, ...cas.filter((path) => path !== undefined)];
}

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const file = childOf(value, 'file');
  if (typeof file === 'string' && Object.keys(value).length === 1) return [file];
  return Object.values(value).flatMap(references);
}
