import { readPlainFile } from '../plain-file.ts';
import { crossProblems } from './checks.ts';
import { parseYaml } from './document.ts';
import { childOf } from './json-schema.ts';
import { ConfigError, type Problem, problemsOf } from './problems.ts';
import { type Config, configSchema } from './schema.ts';

const largestBytes = 1024 ** 2;

/** The configuration file: what was said on the command line, else `EXEAT_CONFIG`, else `config/exeat.yaml`. */
export function configPath(flag: string | undefined): string {
  return flag ?? (process.env['EXEAT_CONFIG'] || 'config/exeat.yaml');
}

export interface LoadOptions {
  /** Where the file names no authority there will be one all the same: the reader's own. */
  readonly ownAuthority?: boolean;
}

/** Reads, checks and completes the file. Throws a ConfigError with all problems at once; it never reads a secret. */
export function loadConfig(path: string, options?: LoadOptions): Config {
  return parseConfig(readText(path), path, options);
}

/** As `loadConfig`, for text that is at hand; `file` is only for messages. */
export function parseConfig(text: string, file: string, { ownAuthority = false }: LoadOptions = {}): Config {
  const document = parseYaml(text);
  if (document.problems.length > 0) throw new ConfigError(file, document.problems);
  // An empty file is a file in which everything is left at its default.
  const input = document.data ?? {};
  const parsed = configSchema.safeParse(input);
  const wrong = parsed.success ? [] : problemsOf(parsed.error, input);
  const sound = parsed.success ? parsed.data : configSchema.safeParse(pruned(input, wrong)).data;
  const names = {
    destinations: keysOf(childOf(input, 'destinations')),
    intents: keysOf(childOf(input, 'intents')),
    authority: ownAuthority || childOf(input, 'authority') !== undefined,
  };
  const problems = [...wrong, ...(sound === undefined ? [] : crossProblems(sound, names))];
  if (problems.length > 0 || sound === undefined) {
    throw new ConfigError(
      file,
      problems.map((problem) => ({ ...problem, line: document.lineOf(problem.path) })),
    );
  }
  return sound;
}

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readPlainFile(path, largestBytes));
  } catch (cause) {
    const error = new ConfigError(path, [{ path: [], line: undefined, message: whyUnread(cause) }]);
    error.cause = cause;
    throw error;
  }
}

function whyUnread(cause: unknown): string {
  if (cause instanceof TypeError) return 'not UTF-8';
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT') return 'there is no such file ("exeat init" writes one)';
  return code === undefined ? 'not a file of at most 1 MiB' : 'cannot be read';
}

/** The input without its unsound parts, so that the rest can be checked together in the same run. */
function pruned(input: unknown, problems: readonly Problem[]): unknown {
  const copy: unknown = structuredClone(input);
  for (const { path } of problems) {
    const [section, entry] = path;
    if (section === undefined || typeof copy !== 'object' || copy === null) continue;
    const holder = childOf(copy, section);
    const inside = (section === 'destinations' || section === 'intents') && typeof holder === 'object' && holder !== null;
    if (inside && entry !== undefined) Reflect.deleteProperty(holder, entry);
    else Reflect.deleteProperty(copy, section);
  }
  return copy;
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}
