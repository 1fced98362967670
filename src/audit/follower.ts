import { type ChainEnd, genesis, type Line, lineHash, readCheckpoint, readLine } from './chain.ts';
import type { LogLine } from './lines.ts';
import type { VerificationKey } from './signing-key.ts';

/** The first line that is not as it was written. */
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

const altered = 'this line is not the one that was written: the hashes around it do not fit';
const notOurs = 'this is not a line of an audit log';
const maxGaps = 1000;
const maxTornBytes = 16 * 1024 * 1024;
const lineFeed = Buffer.from('\n');

/** Follows a chain line by line and stops at the first thing that does not fit. */
export class Follower {
  readonly gaps: AuditGap[] = [];
  lines = 0;
  checkpoints = 0;
  first: number | undefined;
  /** Number of the last checkpoint with a good signature. */
  anchored: number | undefined;
  closed = false;
  problem: Problem | undefined;
  readonly #keys: readonly VerificationKey[];
  readonly #known: ChainEnd | undefined;
  #seq = 0;
  #hash = genesis;
  #last: LogLine | undefined;
  /** The last line is not whole: only a `gap` may follow. */
  #torn: LogLine | undefined;
  #tornBytes: Buffer = Buffer.alloc(0);
  /** The line whose link fails; the next one tells whether it or the one before was changed. */
  #unlinked: { readonly line: LogLine; readonly before: LogLine | undefined; readonly hash: string } | undefined;

  /** `known`: a line that must be in the log, unless it is older than the log's beginning. */
  constructor(keys: readonly VerificationKey[], known?: ChainEnd) {
    this.#keys = keys;
    this.#known = known;
  }

  get seq(): number {
    return this.#seq;
  }

  get torn(): boolean {
    return this.#torn !== undefined;
  }

  /** False = the problem stands, and no more lines are wanted. */
  take(line: LogLine): boolean {
    const text = line.bytes.toString('utf8');
    const read = readLine(text);
    if (this.#unlinked !== undefined) return this.#blame(read?.prev);
    const hash = lineHash(line.bytes);
    const what = read === undefined ? this.#unreadable(line) : this.#follow(line, read, text);
    if (what !== undefined) return this.#stop(line, what);
    if (read !== undefined && read.prev !== this.#hash && this.first !== undefined) {
      this.#unlinked = { line, before: this.#last, hash };
      return true;
    }
    this.#hash = read === undefined ? lineHash(this.#tornBytes) : hash;
    this.#last = line;
    if (read === undefined) return true;
    this.#seq = read.seq;
    this.first ??= read.seq;
    this.lines += 1;
    const wrong = this.#anchor(text, read) ?? this.#compare(read.seq);
    return wrong === undefined || this.#stop(line, wrong);
  }

  /** No more lines come. */
  end(): void {
    if (this.#unlinked !== undefined) this.#blame(undefined);
    if (this.problem !== undefined) return;
    const known = this.#known;
    if (known !== undefined && known.seq > this.#seq) {
      const what = `the log ends at seq ${this.#seq}, but its head says that seq ${known.seq} was written: the end was cut off`;
      this.problem = { file: this.#last?.file ?? '', line: this.#last?.number ?? 0, what };
    }
  }

  #unreadable(line: LogLine): string | undefined {
    if (line.number === 1 && line.terminated) return notOurs;
    this.#tornBytes = this.#torn === undefined ? line.bytes : Buffer.concat([this.#tornBytes, lineFeed, line.bytes]);
    this.#torn ??= line;
    return this.#tornBytes.length > maxTornBytes ? this.#stopAt(this.#torn, notOurs) : undefined;
  }

  /** What is wrong with where this line stands, apart from its link. */
  #follow(line: LogLine, read: Line, text: string): string | undefined {
    const begins = readCheckpoint(text)?.at === 'begin';
    if (line.number === 1 && !begins) return 'the lines before this one are gone: a file begins with a "begin" checkpoint';
    if (this.first === undefined) return read.seq === 1 && read.prev !== genesis ? 'the first line of a chain links to nothing' : undefined;
    if (read.seq !== this.#seq + 1) return `seq ${read.seq} follows seq ${this.#seq}: lines were taken out, put in or moved`;
    if (this.#torn !== undefined && !begins) {
      if (read.event['kind'] !== 'gap') return this.#stopAt(this.#torn, notOurs);
      this.#torn = undefined;
    }
    return undefined;
  }

  #anchor(text: string, { seq, event }: Line): string | undefined {
    this.closed = false;
    if (event['kind'] === 'gap' && this.gaps.length < maxGaps) {
      this.gaps.push({ seq, reason: String(event['reason']), lost: Number(event['lost'] ?? 0) });
    }
    if (event['kind'] !== 'checkpoint') return undefined;
    const checkpoint = readCheckpoint(text);
    if (checkpoint === undefined) return 'this checkpoint is not well formed';
    this.closed = checkpoint.at === 'close';
    this.checkpoints += 1;
    if (this.#keys.length === 0) return undefined;
    const key = this.#keys.find((candidate) => candidate.id === checkpoint.key);
    if (key === undefined) return `this checkpoint was signed with the key ${checkpoint.key}, which was not given`;
    if (!key.verify(checkpoint.signed, checkpoint.sig)) return "this checkpoint's signature is not good";
    this.anchored = seq;
    return undefined;
  }

  #compare(seq: number): string | undefined {
    if (seq !== this.#known?.seq || this.#hash === this.#known.hash) return undefined;
    return 'this line is not the checkpoint that the head of the log names';
  }

  /** The link between two lines fails. `nextPrev`: what the line after them links to. */
  #blame(nextPrev: string | undefined): boolean {
    if (this.#unlinked === undefined) return true;
    const { line, before, hash } = this.#unlinked;
    return this.#stop(nextPrev === undefined || nextPrev === hash ? (before ?? line) : line, altered);
  }

  #stop({ file, number }: LogLine, what: string): boolean {
    this.problem ??= { file, line: number, what };
    return false;
  }

  #stopAt(line: LogLine, what: string): string {
    this.#stop(line, what);
    return what;
  }
}
