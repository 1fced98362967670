import { Chain, type ChainEnd, type CheckpointAt, genesis, jsonOf, readLine } from './chain.ts';
import { Page } from './page.ts';
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

/**
 * Links events as they come, puts checkpoints between them and writes them in batches. Nothing may be called while a promise of it is pending; after a
 * throw only `open` helps.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #page = new Page();
  #chain: Chain;
  #checkpoint: string | undefined;
  #fresh = true;
  #unterminated = false;
  #wrote = false;
  #sinceCheckpoint = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#chain = this.#chainFrom({ seq: 0, hash: genesis });
  }

  /** Events that no checkpoint covers yet. */
  get unanchored(): number {
    return this.#sinceCheckpoint;
  }

  /** Something was written since the log was started. */
  get wrote(): boolean {
    return this.#wrote;
  }

  /** Bytes of what was linked and is not known to be on disk. */
  get heldBytes(): number {
    return this.#page.length;
  }

  /** Finds out where the target stands, and gives back what was linked and is not in it. */
  async open(): Promise<Opened> {
    const standing = await this.#options.target.open();
    const left = this.#entriesAfter(standing.missing === undefined ? standing.end.seq : 0);
    this.#page.clear();
    this.#checkpoint = undefined;
    this.#chain = this.#chainFrom(standing.end);
    this.#fresh = standing.fresh;
    this.#unterminated = standing.unterminated;
    return { ...standing, left };
  }

  /** The next event of the chain: while it is warm, so that nothing but bytes waits for the disk. */
  link({ time, json }: Entry): void {
    this.#begin(time);
    this.#chain.link(time, json);
    this.#sinceCheckpoint += 1;
    if (this.#sinceCheckpoint >= checkpointEvents) this.#addCheckpoint('interval');
  }

  /** All that was linked is on disk when it returns; with `at`, a checkpoint behind it. */
  async write(at?: CheckpointAt): Promise<void> {
    if (at !== undefined) this.#addCheckpoint(at);
    if (this.#page.length > 0) await this.#flush();
    if (this.#options.target.full && at !== 'close') await this.#rotate();
  }

  /** The file was perhaps moved away: ends it in good order and goes on in the one that its name leads to. */
  async follow(): Promise<Opened | undefined> {
    if (!(await this.#options.target.moved())) return undefined;
    if (this.#page.length > 0 || (this.#wrote && !this.#fresh)) {
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
    this.#begin(this.#options.clock());
  }

  /** What has to stand before the first line of a batch. */
  #begin(time: number): void {
    if (this.#page.length > 0) return;
    if (this.#unterminated) this.#page.addLineFeed();
    if (this.#fresh) this.#checkpointAt(time, 'begin');
  }

  #addCheckpoint(at: CheckpointAt): void {
    const time = this.#options.clock();
    this.#begin(time);
    this.#checkpointAt(time, at);
  }

  #checkpointAt(time: number, at: CheckpointAt): void {
    this.#checkpoint = this.#chain.checkpoint(time, at);
    this.#sinceCheckpoint = 0;
  }

  async #flush(): Promise<void> {
    await this.#options.target.write(this.#page.bytes);
    if (this.#checkpoint !== undefined) this.#options.onCheckpoint(this.#checkpoint);
    this.#page.clear();
    this.#checkpoint = undefined;
    this.#fresh = false;
    this.#unterminated = false;
    this.#wrote = true;
  }

  /** Events of the page with a later number; a checkpoint is none. */
  #entriesAfter(seq: number): Entry[] {
    const entries: Entry[] = [];
    for (const text of this.#page.bytes.toString().split('\n')) {
      const line = readLine(text);
      if (line === undefined || line.seq <= seq || line.event['kind'] === 'checkpoint') continue;
      const entry = { time: line.time, json: jsonOf(text) };
      entries.push(line.event['kind'] === 'gap' ? { ...entry, lost: Number(line.event['lost']) } : entry);
    }
    return entries;
  }

  #chainFrom(end: ChainEnd): Chain {
    return new Chain(end, { key: this.#options.key, page: this.#page });
  }
}
