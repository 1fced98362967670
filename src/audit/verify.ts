import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { genesis, lineHash, readCheckpoint, readLine, type Line } from './chain.ts';
import { olderFiles } from './file.ts';
import { linesOf, type LogLine } from './lines.ts';
import { verificationKey, type VerificationKey } from './signing-key.ts';

export interface VerifyOptions {
  /** PEM texts of the keys that may have signed checkpoints. Without one no signature is checked and nothing counts as anchored. */
  readonly publicKeys?: readonly string[];
  /** `audit-head.json` of the state folder: the last checkpoint known there must be in the log. */
  readonly head?: string;
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
  /** It ends in the middle of a line: one that is being written, or the writer was killed. */
  readonly torn: boolean;
  readonly gaps: readonly { readonly seq: number; readonly reason: string; readonly lost: number }[];
  readonly problem?: { readonly file: string; readonly line: number; readonly what: string };
}

const maxGaps = 1000;

/** Reads a log with the files put aside before it, in constant memory. Throws only when a file or key cannot be read. */
export async function verifyAudit(file: string, options: VerifyOptions = {}): Promise<AuditReport> {
  const keys = (options.publicKeys ?? []).map((pem) => verificationKey(pem));
  // Before the log: one that is being written must not be behind its own head.
  const head = options.head === undefined ? undefined : (JSON.parse(await readFile(options.head, 'utf8')) as { line: string }).line;
  const files = [...(await olderFiles(file)), resolve(file)];
  const chain = new ChainFollower(keys);
  const headSeq = head === undefined ? undefined : readLine(head)?.seq;
  let headSeen = headSeq === undefined;
  let at: LogLine | undefined;
  let what: string | undefined;
  for await (const line of linesOf(files)) {
    at = line;
    what = chain.take(line);
    if (what !== undefined) break;
    if (chain.seq === headSeq && !headSeen) {
      headSeen = true;
      if (chain.hash !== lineHash(head ?? '')) what = 'this is not the checkpoint that the state folder remembers';
    }
    if (what !== undefined) break;
  }
  if (what === undefined && !headSeen)
    what = `the log ends before the checkpoint that the state folder remembers (line number ${headSeq} of the chain)`;
  const problem = what === undefined ? undefined : { file: at?.file ?? resolve(file), line: at?.number ?? 0, what };
  return { ok: problem === undefined, files, ...chain.figures(), ...(problem === undefined ? {} : { problem }) };
}

/** Follows the links line by line. */
class ChainFollower {
  readonly #keys: readonly VerificationKey[];
  readonly #gaps: { seq: number; reason: string; lost: number }[] = [];
  seq: number | undefined;
  hash = genesis;
  #lines = 0;
  #first: number | undefined;
  #checkpoints = 0;
  #anchored: number | undefined;
  #torn = false;

  constructor(keys: readonly VerificationKey[]) {
    this.#keys = keys;
  }

  /** Why the log cannot be relied on from this line on; undefined = it goes on. */
  take(line: LogLine): string | undefined {
    const text = line.bytes.toString('utf8');
    const read = readLine(text);
    if (read === undefined) return this.#takeTorn(line);
    const wrong = this.#linkProblem(read) ?? this.#checkpointProblem(text, read);
    if (wrong !== undefined) return wrong;
    this.#lines += 1;
    this.#first ??= read.seq;
    this.seq = read.seq;
    this.hash = lineHash(line.bytes);
    this.#torn = !line.terminated;
    const { event } = read;
    if (event['kind'] === 'gap' && this.#gaps.length < maxGaps) {
      this.#gaps.push({ seq: read.seq, reason: String(event['reason']), lost: Number(event['lost'] ?? 0) });
    }
    return undefined;
  }

  figures() {
    const unanchored = this.#lines === 0 ? 0 : (this.seq ?? 0) - (this.#anchored ?? (this.#first ?? 1) - 1);
    return {
      lines: this.#lines,
      first: this.#first,
      last: this.seq,
      checkpoints: this.#checkpoints,
      anchored: this.#anchored,
      unanchored,
      torn: this.#torn,
      gaps: this.#gaps,
    };
  }

  /** A torn line takes no number; the gap that closed it at the next start links to its bytes. */
  #takeTorn(line: LogLine): string | undefined {
    if (this.#torn) return 'this is not a line of an audit log';
    this.#torn = true;
    this.hash = lineHash(line.bytes);
    return undefined;
  }

  #linkProblem(read: Line): string | undefined {
    if (this.#torn && read.event['kind'] !== 'gap') return 'the line before this one is torn or changed, and no gap accounts for it';
    if (this.seq === undefined) return read.seq === 1 && read.prev !== genesis ? 'the first line does not begin the chain' : undefined;
    if (read.seq !== this.seq + 1) return `line number ${this.seq + 1} of the chain is missing: this is ${read.seq}`;
    return read.prev === this.hash ? undefined : 'this line does not link to the one before it: one of the two was changed';
  }

  #checkpointProblem(text: string, read: Line): string | undefined {
    if (read.event['kind'] !== 'checkpoint') return undefined;
    const checkpoint = readCheckpoint(text);
    if (checkpoint === undefined) return 'this checkpoint is malformed';
    this.#checkpoints += 1;
    if (this.#keys.length === 0) return undefined;
    const key = this.#keys.find(({ id }) => id === checkpoint.key);
    if (key === undefined) return `this checkpoint is signed by another key (${checkpoint.key})`;
    if (!key.verify(checkpoint.signed, checkpoint.sig)) return 'the signature of this checkpoint is wrong';
    this.#anchored = read.seq;
    return undefined;
  }
}
