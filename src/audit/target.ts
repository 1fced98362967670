import type { Tail } from './tail.ts';

/** Where an open log stands: how the lines before it end, and whether the next line is the first of its file. */
export interface Standing extends Tail {
  readonly fresh: boolean;
  /** What has gone, if something has: nothing of what was last written counts as kept. */
  readonly missing?: string;
}

/** Where lines go. One caller at a time; every method throws when it could not do all of it. */
export interface Target {
  /** Opens by name, again if need be, and finds out what of the last writes is really there. */
  open(): Promise<Standing>;
  /** Writes and syncs: when it returns the lines are as durable as this target can make them. */
  write(lines: Buffer): Promise<void>;
  /** The next write goes over the size after which a file is rotated. */
  readonly full: boolean;
  /** Puts the file aside; the next write is the first of a new one. */
  rotate(): Promise<void>;
  /** True when the name leads to another file than the open one (it was moved away). */
  moved(): Promise<boolean>;
  close(): Promise<void>;
}
