import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { LocatedProblem } from './problems.ts';

/** A YAML document as plain data, and where its parts are. */
export interface ConfigDocument {
  readonly data: unknown;
  /** What is wrong with the YAML itself; with any of it, `data` is undefined. */
  readonly problems: readonly LocatedProblem[];
  /** The line of the deepest part of `path` that is in the file. */
  lineOf(path: readonly (string | number)[]): number;
}

/** Enough for a person's repetition, too few for a bomb. */
const mostAliases = 100;

/** Reads YAML 1.2, core schema only: no duplicate keys, no tags, string keys, one document. */
export function parseYaml(text: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    resolveKnownTags: false,
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const problems: LocatedProblem[] = [...document.errors, ...document.warnings].map(({ message, code, pos }) => ({
    path: [],
    message: inOurWords[code] ?? withoutSource(message),
    line: lineAt(pos[0]),
  }));
  const refuse = (node: Node, message: string): void => {
    problems.push({ path: [], message, line: lineAt(node.range?.[0] ?? 0) });
  };
  let aliases = 0;
  visit(document, {
    Alias: (_, node) => {
      aliases += 1;
      if (aliases === mostAliases + 1) refuse(node, `more than ${mostAliases} aliases`);
      if (node.resolve(document) === undefined) refuse(node, aliasMessage(node));
    },
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === '__proto__') refuse(key, 'unknown key "__proto__"');
    },
  });
  const { data, bomb } = problems.length === 0 ? expanded(document) : {};
  return {
    data,
    problems: bomb === undefined ? firstOfEachLine(problems) : [{ path: [], message: bomb, line: 1 }],
    lineOf: (path) => lineAt(offsetOf(path)),
  };

  function offsetOf(path: readonly (string | number)[]): number {
    let node: unknown = document.contents;
    let offset = document.contents?.range?.[0] ?? 0;
    for (const segment of path) {
      const holder: unknown = isAlias(node) ? node.resolve(document) : node;
      if (isMap(holder)) {
        const pair = holder.items.find(({ key }) => isScalar(key) && key.value === segment);
        if (pair === undefined || !isScalar(pair.key)) break;
        offset = pair.key.range?.[0] ?? offset;
        node = pair.value;
      } else if (isSeq(holder) && typeof segment === 'number') {
        node = holder.items[segment];
        offset = (node as Node | undefined)?.range?.[0] ?? offset;
      } else break;
    }
    return offset;
  }
}

/** Never the name itself: a secret that was pasted here may begin with *. */
function aliasMessage({ source }: Alias): string {
  return source.startsWith('.')
    ? `there is no anchor for the alias *${source}; write a wildcard in quotes: "*${source}"`
    : 'there is no anchor for this alias (a text that begins with * needs quotes)';
}

/** The one message of the parser that quotes what it could not read. */
function withoutSource(message: string): string {
  return message.replace(/^(Block scalar header includes extra characters): .*/s, '$1');
}

/** The parser's words where they would not help. */
const inOurWords: Readonly<Record<string, string>> = {
  BAD_DIRECTIVE: 'a line that begins with % is a directive, and none is expected',
  BAD_DQ_ESCAPE: 'unknown escape (in single quotes a backslash stands for itself)',
  DUPLICATE_KEY: 'this key stands twice',
  MISSING_CHAR: 'missing , or : (inside [ ] or { } a text that has any of these characters needs quotes)',
  MULTIPLE_DOCS: 'only one document is expected, without ---',
  NON_STRING_KEY: 'a key must be plain text',
  TAG_RESOLVE_FAILED: 'tags (!…) are not allowed',
};

/** One mistake in the syntax makes the parser stumble over the rest of its line. */
function firstOfEachLine(problems: readonly LocatedProblem[]): LocatedProblem[] {
  return problems.filter((problem, index) => problems.findIndex(({ line }) => line === problem.line) === index);
}

function expanded(document: Document): { readonly data?: unknown; readonly bomb?: string } {
  try {
    return { data: document.toJS({ maxAliasCount: mostAliases }) };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return { bomb: 'the aliases (*name) multiply beyond what a configuration needs' };
  }
}
