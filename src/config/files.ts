import { statSync } from 'node:fs';
import { join } from 'node:path';
import { bundleOf, directoryOf, peerOf } from '../policy/registry.ts';
import { defaultFolders } from './folders.ts';
import { caFoldersOf } from './ca-folders.ts';
import { childOf } from './json-schema.ts';
import { problemText } from './problems.ts';
import type { Config } from './schema.ts';

/** Every config, policy, secret and state file that Exeat relies on; the agent may own the file of its own token. Directories stand for what is directly in them. */
export function trustedPathsOf(config: Config, file: string): string[] {
  const identity = config.identity.source === 'file' ? config.identity.path : config.identity.folder;
  const defaults = defaultFolders();
  const { agent: _theAgentsOwn, ...tokens } = config.control.tokens;
  const made = (['operator', 'orchestrator', 'approver'] as const)
    .filter((role) => tokens[role] === undefined)
    .map((role) => join(defaults.tokens, `${role}.token`));
  const secrets = referencesIn({ ...config, control: tokens }, []).flatMap(({ reference }) => reference.file ?? []);
  const { to } = config.audit;
  const audit = to === 'stdout' ? undefined : to === 'file' || to === 'both' ? defaults.auditFile : to;
  const { directory, publish } = caFoldersOf(config);
  const cas = [...(config.tls.ca.certificate === undefined ? [directory] : []), publish];
  const others = [identity, config.tasks.state ?? defaults.state, audit, ...cas].filter((path) => path !== undefined);
  return [...new Set([...loadedPathsOf(config, file), ...secrets, ...made, ...others])];
}

/** The files that are read when the configuration is loaded; what a watch looks at. */
export function loadedPathsOf(config: Config, file: string): string[] {
  const { policy } = config;
  const keys = Object.values(bundleOf(policy)?.keys ?? {}).map((key) => key.file);
  const cas = [
    config.authority?.ca,
    config.upstream_proxy?.ca,
    peerOf(policy)?.ca,
    ...Object.values(config.destinations).map(({ ca }) => ca),
  ];
  const tools = Object.values(config.destinations).map(({ tools }) => tools?.reviewed);
  return [file, ...[directoryOf(policy), ...keys, ...cas, ...tools].filter((path) => path !== undefined)];
}

/** One line for each secret that could not be had now. Not an error: secrets are often mounted only where Exeat runs. */
export function missingSecrets(config: Config): string[] {
  const references = (['tls', 'upstream_proxy', 'policy', 'destinations'] as const).flatMap((key) => referencesIn(config[key], [key]));
  const secrets = references.flatMap(({ path, reference }) => {
    const message = missing(reference);
    return message === undefined ? [] : [problemText({ path, message })];
  });
  if (config.identity.source !== 'file' || isFile(config.identity.path)) return secrets;
  return [problemText({ path: ['identity', 'path'], message: `there is no file ${config.identity.path} here` }), ...secrets];
}

/** Names of the environment variables from which secrets are read. */
export function secretVariablesOf(config: Config): string[] {
  return [...new Set(referencesIn(config, []).flatMap(({ reference }) => reference.env ?? []))];
}

interface Found {
  readonly path: readonly string[];
  readonly reference: { readonly file?: string; readonly env?: string };
}

function referencesIn(value: unknown, path: readonly string[]): Found[] {
  if (typeof value !== 'object' || value === null) return [];
  const file = childOf(value, 'file');
  const env = childOf(value, 'env');
  const alone = Object.keys(value).length === 1;
  if (alone && typeof file === 'string') return [{ path, reference: { file } }];
  if (alone && typeof env === 'string') return [{ path, reference: { env } }];
  return Object.entries(value).flatMap(([key, inside]) => referencesIn(inside, [...path, key]));
}

function missing({ file, env }: Found['reference']): string | undefined {
  if (file !== undefined) return isFile(file) ? undefined : `there is no file ${file} here`;
  return env === undefined || process.env[env] ? undefined : `$${env} is not set here`;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
