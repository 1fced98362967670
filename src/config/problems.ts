import { didYouMean } from '../nearest.ts';
import type { z } from '../settings.ts';
import { childOf, schemaAt } from './json-schema.ts';

/** One thing that is wrong, and where in the file. */
export interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A problem with the line it is on. */
export interface LocatedProblem extends Problem {
  /** 1-based; undefined when the file could not be read at all. */
  readonly line: number | undefined;
}

/** Everything that is wrong with one configuration file, one line each: `file:line: path: message`. */
export class ConfigError extends Error {
  readonly problems: readonly LocatedProblem[];

  constructor(file: string, problems: readonly LocatedProblem[]) {
    const sorted = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
    super(sorted.map((problem) => `${file}${problem.line === undefined ? '' : `:${problem.line}`}: ${problemText(problem)}`).join('\n'));
    this.name = 'ConfigError';
    this.problems = sorted;
  }
}

/** `destinations.github.hosts[0]: message`. */
export function problemText({ path, message }: Problem): string {
  return path.length === 0 ? message : `${pathText(path)}: ${message}`;
}

/** What zod found, in words for the person who wrote the file, with the likely intended key or value. */
export function problemsOf(error: z.ZodError, input: unknown): Problem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(issue, input));
}

function problemsOfIssue(issue: z.core.$ZodIssue, input: unknown): Problem[] {
  const path = issue.path.map((segment) => (typeof segment === 'number' ? segment : String(segment)));
  const value = path.reduce<unknown>(childOf, input);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = Object.keys(schemaAt(path, input)?.properties ?? {});
      return issue.keys.map((key) => ({ path: [...path, key], message: `unknown key${didYouMean(key, unused(known, value))}` }));
    }
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    case 'invalid_type':
      return [
        { path, message: value === undefined || value === null ? 'is required' : `expected ${issue.expected}, not ${kindOf(value)}` },
      ];
    case 'invalid_value':
      return [{ path, message: choice(issue.values, value) }];
    case 'invalid_union':
      return [{ path, message: unionMessage(issue, value, schemaAt(path.slice(0, -1), input)) }];
    case 'too_small':
      return [{ path, message: issue.minimum === 1 && issue.origin !== 'number' ? 'must not be empty' : issue.message }];
    default:
      return [{ path, message: issue.message }];
  }
}

/** A key that is given already was not meant by another one. */
function unused(known: readonly string[], value: unknown): string[] {
  return known.filter((key) => childOf(value, key) === undefined);
}

function unionMessage(issue: z.core.$ZodIssueInvalidUnion, value: unknown, parent: ReturnType<typeof schemaAt>): string {
  const key = issue.path.at(-1);
  if (!('discriminator' in issue) || typeof key !== 'string') return issue.message;
  const branches = parent?.oneOf ?? parent?.anyOf ?? (parent === undefined ? [] : [parent]);
  const choices = branches.map((branch) => branch.properties?.[key]?.const).filter((literal) => literal !== undefined);
  return value === undefined ? `is required: ${list(choices)}` : choice(choices, value);
}

function choice(values: readonly unknown[], value: unknown): string {
  if (value === undefined) return `is required: ${list(values)}`;
  const near =
    typeof value === 'string'
      ? didYouMean(
          value,
          values.filter((one) => typeof one === 'string'),
        )
      : '';
  return `expected ${list(values)}${near}`;
}

function list(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(' or ');
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

function pathText(path: readonly (string | number)[]): string {
  return path
    .map((segment, index) => {
      if (typeof segment === 'number') return `[${segment}]`;
      if (!/^[\w-]+$/.test(segment)) return `[${JSON.stringify(segment)}]`;
      return index === 0 ? segment : `.${segment}`;
    })
    .join('');
}
