import { type FileHandle, open, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Line, genesis, lineHash, readCheckpoint, readLine } from './chain.ts';
import { olderFiles } from './file.ts';
import { type LogLine, linesOf } from './lines.ts';
import { type VerificationKey, verificationKey } from './signing-key.ts';

export interface VerifyOptions {
  /** PEM texts of the keys that may have signed checkpoints. Without one no signature is checked and nothing counts as anchored. */
  readonly publicKeys?: readonly string[];
  /** `audit-head.json` of the state folder: the last checkpoint known there must be in the log. */
  readonly head?: string;
}

export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

export interface AuditGap {
  readonly seq: number;
  readonly reason: string;
  readonly lost: number;
}

/** What a log proves. Figures go as far as the first problem. */
export interface AuditReport {
  readonly ok: boolean;
  readonly files: readonly string[];
  readonly lines: number;
  /** Number of the first line that is here; 1 = from the beginning. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly checkpoints: number;
  /** Number of the last checkpoint with a good signature: all up to it is as it was written. */
  readonly anchored: number | undefined;
  /** Lines after that. */
  readonly unanchored: number;
  /** It ends with the checkpoint of a log closed in good order. */
  readonly closed: boolean;
  /** It ends in the middle of a line: one that is being written, or the writer was killed. */
  readonly torn: boolean;
  readonly gaps: readonly AuditGap[];
  readonly problem?: Problem;
}

const maxGaps = 1000;

/** Reads a log with the files put aside before it, in constant memory. Throws only when a file or key cannot be read. */
export async function verifyAudit(file: string, options: VerifyOptions = {}): Promise<AuditReport> {
  const keys = (options.publicKeys ?? []).map((pem) => verificationKey(pem));
  // Before the files: a log that is being written must not be behind its own head.
  const head = options.head === undefined ? undefined : (JSON.parse(await readFile(options.head, 'utf8')) as { line: string }).line;
  const files = [...(await olderFiles(file)), resolve(file)];
  const handles: FileHandle[] = [];
  try {
    // All of them before the first is read: a rotation meanwhile changes names, not open files.
    for (const name of files) handles.push(await open(name, 'r'));
    return await walk(handles, { files, keys, head });
  } finally {
    for (const handle of handles) await handle.close();
  }
}

interface WalkOptions {
  readonly files: readonly string[];
  readonly keys: readonly VerificationKey[];
  readonly head: string | undefined;
}

async function walk(handles: readonly FileHandle[], options: WalkOptions): Promise<AuditReport> {
  const follower = new Follower(options);
  const lines = linesOf(handles);
  for await (const line of lines) {
    if (follower.take(line)) continue;
    // A link that fails has two ends. The line after tells which of them was changed.
    const next = await lines.next();
    follower.blame(next.done === true ? undefined : next.value);
    break;
  }
  return follower.report();
}

class Follower {
  readonly #options: WalkOptions;
  readonly #gaps: AuditGap[] = [];
  #lines = 0;
  #checkpoints = 0;
  #first: number | undefined;
  #seq: number | undefined;
  #hash = genesis;
  #anchored: number | undefined;
  #closed = false;
  #torn: LogLine | undefined;
  #before: LogLine | undefined;
  #broken: LogLine | undefined;
  #problem: Problem | undefined;
  #headSeen = false;
  readonly #head: { readonly seq: number; readonly hash: string } | undefined;

  constructor(options: WalkOptions) {
    this.#options = options;
    const seq = options.head === undefined ? undefined : readLine(options.head)?.seq;
    this.#head = seq === undefined || options.head === undefined ? undefined : { seq, hash: lineHash(options.head) };
  }

  /** False = the chain ends here: `blame` says why, or the problem stands. */
  take(line: LogLine): boolean {
    const text = line.bytes.toString('utf8');
    const digest = lineHash(line.bytes);
    const read = readLine(text);
    const what = read === undefined ? this.#unreadable(line) : this.#follows(line, read, text);
    if (what === 'link') {
      this.#broken = line;
      return false;
    }
    if (what !== undefined) return this.#stop(line, what);
    this.#hash = digest;
    this.#before = line;
    if (read === undefined) return true;
    this.#lines += 1;
    this.#first ??= read.seq;
    this.#seq = read.seq;
    const wrong = this.#checkpoint(text, read) ?? this.#known(read, digest);
    if (wrong !== undefined) return this.#stop(line, wrong);
    this.#note(read);
    return true;
  }

  /** The link between the last two lines fails: the second is to blame if the third does not link to it either. */
  blame(next: LogLine | undefined): void {
    if (this.#broken === undefined) return;
    const nextPrev = next === undefined ? undefined : readLine(next.bytes.toString('utf8'))?.prev;
    const intact = nextPrev === undefined || nextPrev === lineHash(this.#broken.bytes);
    const guilty = intact ? (this.#before ?? this.#broken) : this.#broken;
    this.#stop(guilty, 'this line is not the one that was written: the hashes around it do not fit');
  }

  report(): AuditReport {
    if (this.#problem === undefined && this.#torn?.last === false) this.#stop(this.#torn, notOurs);
    this.#checkHead();
    return {
      ok: this.#problem === undefined,
      files: this.#options.files,
      lines: this.#lines,
      first: this.#first,
      last: this.#seq,
      checkpoints: this.#checkpoints,
      anchored: this.#anchored,
      unanchored: this.#lines === 0 ? 0 : (this.#seq ?? 0) - (this.#anchored ?? (this.#first ?? 1) - 1),
      closed: this.#closed,
      torn: this.#torn !== undefined,
      gaps: this.#gaps,
      ...(this.#problem && { problem: this.#problem }),
    };
  }
}
