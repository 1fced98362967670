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
      return [{ path, message: value === undefined || value === null ? 'is required' : typeMessage(issue, value) }];
    case 'invalid_value':
      return [{ path, message: choice(issue.values, value) }];
    case 'invalid_union':
      return unionProblems(issue, path, input);
    case 'too_small':
      if (issue.origin === 'number')
        return [{ path, message: `must be ${issue.inclusive === true ? 'at least' : 'more than'} ${issue.minimum}` }];
      return [{ path, message: issue.minimum === 1 ? 'must not be empty' : issue.message }];
    default:
      return [{ path, message: issue.message }];
  }
}

/** A key that is given already was not meant by another one. */
function unused(known: readonly string[], value: unknown): string[] {
  return known.filter((key) => childOf(value, key) === undefined);
}

/** The problems of the branch that was meant, as far as the value shows it. */
function unionProblems(issue: z.core.$ZodIssueInvalidUnion, path: Problem['path'], input: unknown): Problem[] {
  const value = path.reduce<unknown>(childOf, input);
  const key = path.at(-1);
  if ('discriminator' in issue && typeof key === 'string')
    return [{ path, message: discriminatorMessage(key, value, schemaAt(path.slice(0, -1), input)) }];
  if (issue.message !== 'Invalid input') return [{ path, message: issue.message }];
  const branches = issue.errors.map((issues) =>
    issues.flatMap((inner) => problemsOfIssue({ ...inner, path: [...issue.path, ...inner.path] }, input)),
  );
  const inside = branches.find((problems) => problems.every((problem) => problem.path.length > path.length));
  return inside ?? [{ path, message: [...new Set(branches.flat().map(({ message }) => message))].join(', or ') }];
}

function discriminatorMessage(key: string, value: unknown, parent: ReturnType<typeof schemaAt>): string {
  const branches = parent?.oneOf ?? parent?.anyOf ?? (parent === undefined ? [] : [parent]);
  const choices = branches.map((branch) => branch.properties?.[key]?.const).filter((literal) => literal !== undefined);
  return value === undefined ? `is required: ${list(choices)}` : choice(choices, value);
}

function choice(values: readonly unknown[], value: unknown): string {
  if (value === undefined) return `is required: ${list(values)}`;
  const near =
    values.length > 1 && typeof value === 'string'
      ? didYouMean(
          value,
          values.filter((one) => typeof one === 'string'),
        )
      : '';
  return `expected ${list(values)}${near}`;
}

function list(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  const last = texts.pop() ?? '';
  return texts.length === 0 ? last : `${texts.join(', ')} or ${last}`;
}

/** The schema's own words, where it has some. */
function typeMessage({ message, expected }: z.core.$ZodIssueInvalidType, value: unknown): string {
  if (!message.startsWith('Invalid input')) return message;
  const found = kindOf(value);
  const quotes = expected === 'string' && found !== 'array' && found !== 'object' ? ' (quotes make it one)' : '';
  return `expected ${kindNames[expected] ?? expected}, not ${kindNames[found] ?? found}${quotes}`;
}

const kindNames: Readonly<Record<string, string>> = {
  string: 'a text',
  object: 'keys and values',
  record: 'keys and values',
  array: 'a list',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
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
