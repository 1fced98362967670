import { Chain, type CheckpointAt, genesis } from './chain.ts';
import type { SigningKey } from './signing-key.ts';
import type { Standing, Target } from './target.ts';

/** An event on its way to the disk. */
export interface Entry {
  readonly time: number;
  readonly json: string;
  /** Set on a `gap` event: what it stands for, to be counted again if it could not be written. */
  readonly lost?: number;
}

/** What was found when the target was opened, and which entries of a failed write are not in it. */
export interface Opened extends Standing {
  readonly left: readonly Entry[];
}

export interface WriterOptions {
  readonly target: Target;
  readonly key: SigningKey;
  readonly clock: () => number;
  /** A checkpoint is on disk. Must not throw. */
  readonly onCheckpoint: (line: string) => void;
}

const checkpointEvents = 1000;

/** Chains entries, puts the checkpoints between them and writes them. One call at a time; after a throw only `open` helps. */
export class Writer {
  readonly #options: WriterOptions;
  #chain: Chain;
  /** What is being written, with its numbers: after a failure the target's end tells which of it is there. */
  #pending: { readonly seq: number; readonly entry: Entry }[] = [];
  #lines: string[] = [];
  #checkpoint: string | undefined;
  #fresh = true;
  #unterminated = false;
  #wrote = false;
  #sinceCheckpoint = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#chain = new Chain({ seq: 0, hash: genesis }, options.key);
  }

  /** Events that no checkpoint covers yet. */
  get unanchored(): number {
    return this.#sinceCheckpoint;
  }

  /** Something was written since the log was started. */
  get wrote(): boolean {
    return this.#wrote;
  }

  async open(): Promise<Opened> {
    const standing = await this.#options.target.open();
    const landed = standing.missing === undefined ? standing.end.seq : 0;
    const left = this.#pending.filter(({ seq }) => seq > landed).map(({ entry }) => entry);
    this.#pending = [];
    this.#lines = [];
    this.#checkpoint = undefined;
    this.#chain = new Chain(standing.end, this.#options.key);
    this.#fresh = standing.fresh;
    this.#unterminated = standing.unterminated;
    return { ...standing, left };
  }

  /** On disk when it returns, in this order; with `at`, a checkpoint behind them. */
  async write(entries: readonly Entry[], at?: CheckpointAt): Promise<void> {
    if (this.#options.target.full) await this.#rotate();
    if (this.#fresh) this.#addCheckpoint('begin');
    for (const entry of entries) {
      this.#lines.push(this.#chain.line(entry.time, entry.json));
      this.#pending.push({ seq: this.#chain.end.seq, entry });
      this.#sinceCheckpoint += 1;
      if (this.#sinceCheckpoint >= checkpointEvents) this.#addCheckpoint('interval');
    }
    if (at !== undefined) this.#addCheckpoint(at);
    await this.#flush();
  }

  /** The file was perhaps moved away: ends it in good order and goes on in the one that its name leads to. */
  async follow(): Promise<Opened | undefined> {
    if (!(await this.#options.target.moved())) return undefined;
    if (this.#wrote && !this.#fresh) {
      this.#addCheckpoint('rotation');
      await this.#flush();
    }
    return await this.open();
  }

  async #rotate(): Promise<void> {
    this.#addCheckpoint('rotation');
    await this.#flush();
    await this.#options.target.rotate();
    this.#fresh = true;
  }

  #addCheckpoint(at: CheckpointAt): void {
    this.#checkpoint = this.#chain.checkpoint(this.#options.clock(), at);
    this.#lines.push(this.#checkpoint);
    this.#sinceCheckpoint = 0;
  }

  async #flush(): Promise<void> {
    await this.#options.target.write(Buffer.from(`${this.#unterminated ? '\n' : ''}${this.#lines.join('\n')}\n`));
    if (this.#checkpoint !== undefined) this.#options.onCheckpoint(this.#checkpoint);
    this.#checkpoint = undefined;
    this.#pending = [];
    this.#lines = [];
    this.#fresh = false;
    this.#unterminated = false;
    this.#wrote = true;
  }
}
