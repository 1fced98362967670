import { emptyTail, tailOf } from '../../src/audit/tail.ts';
import type { Target } from '../../src/audit/target.ts';

/** A disk in memory that is full when told so, after as many more bytes as told. */
export interface FaultyDisk extends Target {
  readonly bytes: Buffer;
  /** How many writes have been synced. */
  readonly writes: number;
  room: number;
  /** Writes wait for this. */
  held: Promise<void>;
}

export function createFaultyDisk(): FaultyDisk {
  let bytes = Buffer.alloc(0);
  let writes = 0;
  return {
    room: Infinity,
    held: Promise.resolve(),
    get bytes() {
      return bytes;
    },
    get writes() {
      return writes;
    },
    open() {
      const tail = tailOf(bytes, true);
      if (tail === undefined) bytes = Buffer.alloc(0);
      return Promise.resolve(tail === undefined ? { ...emptyTail, fresh: true } : { ...tail, fresh: false });
    },
    async write(lines) {
      await this.held;
      const part = lines.subarray(0, this.room);
      bytes = Buffer.concat([bytes, part]);
      this.room -= part.length;
      if (part.length < lines.length) throw new Error('ENOSPC: no space left on device');
      writes += 1;
    },
    full: false,
    rotate: () => Promise.resolve(),
    moved: () => Promise.resolve(false),
    close: () => Promise.resolve(),
  };
}
