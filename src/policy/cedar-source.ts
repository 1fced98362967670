import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DetailedError, PolicyJson, PolicyToJsonAnswer } from '@cedar-policy/cedar-wasm/nodejs';
import { readPlainFile } from '../plain-file.ts';
import type { Cedar } from './cedar-wasm.ts';

const largestBytes = 4 * 1024 ** 2;

/** One policy and where it stands. */
export interface PolicySource {
  /** Its `@id`, else `<file>:<line>`. */
  readonly id: string;
  readonly file: string;
  /** Of the policy's first word or annotation; from 1. */
  readonly line: number;
  /** From there to its semicolon. */
  readonly text: string;
  readonly json: PolicyJson;
}

export interface PolicyFile {
  readonly file: string;
  readonly text: string;
}

export interface LoadedPolicies {
  readonly policies: readonly PolicySource[];
  readonly problems: readonly string[];
}

/** All `*.cedar` files of a directory, in the order of their names. Throws when it cannot be read. */
export function readPolicyFiles(directory: string): readonly PolicyFile[] {
  const names = entriesOf(directory)
    .filter((name) => name.endsWith('.cedar'))
    .sort();
  return names.map((file) => ({ file, text: readPlainFile(join(directory, file), largestBytes).toString() }));
}

/** Splits files into policies. What cannot be read, and ids that stand twice, are problems; the rest is returned all the same. */
export function parsePolicies(cedar: Cedar, files: readonly PolicyFile[]): LoadedPolicies {
  const policies = new Map<string, PolicySource>();
  const problems: string[] = [];
  for (const { file, text } of files) {
    for (const piece of piecesOf(text)) {
      const answer = jsonOf(cedar, { file, piece });
      if (answer.type === 'failure') {
        problems.push(...answer.errors.map((error) => syntaxProblem(error, { file, piece })));
        continue;
      }
      const annotated = answer.json.annotations?.['id'];
      const id = annotated === undefined || annotated === null || annotated === '' ? `${file}:${piece.line}` : annotated;
      const same = policies.get(id);
      if (same) problems.push(`${file}:${piece.line} policy "${id}": the id is taken by the policy in ${same.file}:${same.line}`);
      else policies.set(id, { id, file, line: piece.line, text: piece.text, json: answer.json });
    }
  }
  return { policies: [...policies.values()], problems };
}

/** The line of a byte offset into the policy's text, as Cedar reports them. */
export function lineAt({ line, text }: Pick<PolicySource, 'line' | 'text'>, offsetBytes: number): number {
  const before = Buffer.from(text, 'utf8').subarray(0, offsetBytes).toString('utf8');
  return line + (before.split('\n').length - 1);
}

/** The line where the policy first says this name, as a word or as a string; its first line when it says it in another spelling. */
export function lineSaying(source: PolicySource, name: string): number {
  for (const [index, token] of tokensOf(source.text)) {
    const said = token.startsWith('"') ? unquoted(token) : token;
    if (said === name) return source.line + (source.text.slice(0, index).split('\n').length - 1);
  }
  return source.line;
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    throw new Error(`the policy directory "${directory}" cannot be read`, { cause });
  }
}

function jsonOf(cedar: Cedar, { file, piece }: { file: string; piece: Piece }): PolicyToJsonAnswer {
  try {
    return cedar.policyToJson(piece.text);
  } catch (cause) {
    throw new Error(`${file}:${piece.line} Cedar cannot read this policy; is it nested very deeply?`, { cause });
  }
}

interface Piece {
  readonly text: string;
  readonly line: number;
}

/**
 * Cuts after each semicolon outside strings and comments. Each piece is then parsed as exactly one policy, so a cut at a place
 * where Cedar sees none is an error and never another meaning.
 */
function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let start: number | undefined;
  const cut = (from: number, to: number) => pieces.push({ text: text.slice(from, to), line: text.slice(0, from).split('\n').length });
  for (const [index, token] of tokensOf(text)) {
    if (/^(\s|\/\/)/.test(token)) continue;
    start ??= index;
    if (token !== ';') continue;
    cut(start, index + 1);
    start = undefined;
  }
  if (start !== undefined) cut(start, text.length);
  return pieces;
}

function* tokensOf(text: string): Generator<readonly [index: number, token: string]> {
  for (const match of text.matchAll(/\/\/[^\r\n]*|"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|\s+|./gsu)) yield [match.index, match[0]];
}

function unquoted(token: string): string {
  const json = token.replace(/\\u\{([0-9a-fA-F]+)\}/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16) % 0x110000));
  try {
    return String(JSON.parse(json));
  } catch {
    return token.slice(1, -1);
  }
}

function syntaxProblem(error: DetailedError, { file, piece }: { file: string; piece: Piece }): string {
  const at = error.sourceLocations?.[0];
  const line = at === undefined ? piece.line : lineAt(piece, at.start);
  const expected = at?.label === undefined || at.label === null ? '' : `; ${at.label}`;
  return `${file}:${line} ${error.message.replace('failed to parse policy from string: ', '')}${expected}`;
}
