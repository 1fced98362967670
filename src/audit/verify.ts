import { type FileHandle, open, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type ChainEnd, lineHash, readLine } from './chain.ts';
import { olderFiles } from './file.ts';
import { type AuditGap, Follower, type Problem } from './follower.ts';
import { linesOf } from './lines.ts';
import { verificationKey } from './signing-key.ts';

export interface VerifyOptions {
  /** PEM texts of the keys that may have signed checkpoints. Without one no signature is checked and nothing counts as anchored. */
  readonly publicKeys?: readonly string[];
  /** Path of `audit-head.json` in the state folder: the checkpoint it names must be in the log. */
  readonly head?: string;
}

/** What a log proves. The figures go as far as the first problem. */
export interface AuditReport {
  readonly ok: boolean;
  /** Oldest first. */
  readonly files: readonly string[];
  readonly lines: number;
  /** Number of the first line that is here; 1 = the chain's beginning. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly checkpoints: number;
  /** Number of the last checkpoint with a good signature: all up to it is as it was written. */
  readonly anchored: number | undefined;
  /** How many lines come after that one. */
  readonly unanchored: number;
  /** The log was closed in good order. */
  readonly closed: boolean;
  /** It ends in the middle of a line: one that is being written, or its writer was killed. */
  readonly torn: boolean;
  readonly gaps: readonly AuditGap[];
  /** What was not asked for: without a key whoever could write the file may have made the chain, without a head its end may have been cut off. */
  readonly unchecked: readonly ('signatures' | 'end')[];
  readonly problem?: Problem;
}

/** Reads a log and the files put aside before it, in constant memory. Throws only when a file, key or head cannot be read. */
export async function verifyAudit(file: string, options: VerifyOptions = {}): Promise<AuditReport> {
  const keys = (options.publicKeys ?? []).map(verificationKey);
  // Before the files: a log that is being written must not be behind its own head.
  const known = options.head === undefined ? undefined : await readHead(options.head);
  const files = [...(await olderFiles(file)), resolve(file)];
  const handles: FileHandle[] = [];
  try {
    // All of them before the first is read: a rotation meanwhile changes names, not open files.
    for (const name of files) handles.push(await open(name, 'r'));
    const follower = new Follower(keys, known);
    await followAll(follower, { files, handles });
    const unchecked = [...(keys.length === 0 ? (['signatures'] as const) : []), ...(known === undefined ? (['end'] as const) : [])];
    return { ...reportOf(follower, files), unchecked };
  } finally {
    for (const handle of handles) await handle.close();
  }
}

async function followAll(
  follower: Follower,
  log: { readonly files: readonly string[]; readonly handles: readonly FileHandle[] },
): Promise<void> {
  for (const [index, handle] of log.handles.entries()) {
    for await (const lines of linesOf(log.files[index] ?? '', handle)) {
      if (!lines.every((line) => follower.take(line))) return;
    }
  }
  follower.end();
}

function reportOf(follower: Follower, files: readonly string[]): Omit<AuditReport, 'unchecked'> {
  const { lines, first, seq, checkpoints, anchored, closed, torn, gaps, problem } = follower;
  return {
    ok: problem === undefined,
    files,
    lines,
    first,
    last: first === undefined ? undefined : seq,
    checkpoints,
    anchored,
    unanchored: first === undefined ? 0 : seq - (anchored ?? first - 1),
    closed,
    torn,
    gaps,
    ...(problem && { problem }),
  };
}

async function readHead(path: string): Promise<ChainEnd> {
  const { line } = JSON.parse(await readFile(path, 'utf8')) as { readonly line: string };
  const seq = readLine(line)?.seq;
  if (seq === undefined) throw new Error(`${path} does not hold the head of an audit log`);
  return { seq, hash: lineHash(line) };
}
