import { constants, fstatSync, mkdirSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { lockFile } from '../state.ts';
import { readLine } from './chain.ts';
import { emptyTail, readTail, type Tail } from './tail.ts';
import type { Standing, Target } from './target.ts';

export interface Rotation {
  readonly size: number;
  /** How many files that were put aside are kept. */
  readonly keep: number;
}

// O_APPEND: a file that was cut from outside is never filled up with zeros. Readable, for its tail. O_DSYNC: a write that is answered is on
// disk, without a second trip for it.
const openFlags = constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_DSYNC;

/** The name of a file that we put aside. */
const numbered = /\.(\d{12,})$/;

/**
 * A log file (0600) with one writer. Plain node:fs: SonicBoom syncs on the event loop, ignores errors of the last sync, and cannot say which
 * lines are on disk. Throws when another process writes this file.
 */
export function createFileTarget(name: string, rotation: Rotation | false): Target {
  const path = resolve(name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = lockFile(path);
  let file: FileHandle | undefined;
  let bytes = 0;
  let firstSeq = 0;

  async function openByPath(): Promise<FileHandle> {
    const opened = await open(path, openFlags, 0o600);
    const { size, ...found } = await opened.stat();
    if ((found.mode & 0o170000) === 0o100000) {
      bytes = size;
      return opened;
    }
    await opened.close();
    throw new Error(`${path} is not a regular file`);
  }

  async function standingOf(next: FileHandle, before: FileHandle | undefined): Promise<Standing> {
    const tail = await readTail(next);
    if (tail !== undefined) return { ...tail, fresh: false };
    // Only the stub of a first line is in it, if anything: nothing that anyone was told is on disk.
    await next.truncate(0);
    bytes = 0;
    const last = before === undefined ? await lastOfOlder(path) : await lastOfOpen(before);
    return { ...last, unterminated: false, fresh: true };
  }

  return {
    async open() {
      const before = file;
      const next = await openByPath();
      try {
        const standing = await standingOf(next, before);
        file = next;
        if (!standing.fresh) firstSeq = await firstSeqOf(next);
        await before?.close();
        return standing;
      } catch (error) {
        file = before;
        await next.close();
        throw error;
      }
    },
    async write(lines) {
      file ??= await openByPath();
      if (bytes === 0) firstSeq = readLine(lines.toString('utf8', 0, lines.indexOf(10)))?.seq ?? 0;
      for (let from = 0; from < lines.length;) {
        const { bytesWritten } = await file.write(lines, from, lines.length - from);
        from += bytesWritten;
        bytes += bytesWritten;
      }
      // Asks memory, not the disk.
      if (fstatSync(file.fd).nlink === 0) throw new Error(`${path} was deleted`);
    },
    get full() {
      return rotation !== false && bytes >= rotation.size;
    },
    async rotate() {
      await rename(path, `${path}.${String(firstSeq).padStart(12, '0')}`);
      await file?.close();
      file = undefined;
      file = await openByPath();
      if (rotation !== false) await dropOldest(path, rotation.keep);
    },
    async moved() {
      const [ours, theirs] = await Promise.all([file?.stat(), stat(path).catch(() => undefined)]);
      return ours === undefined || theirs === undefined || ours.ino !== theirs.ino || ours.dev !== theirs.dev;
    },
    async close() {
      await file?.close();
      file = undefined;
      lock[Symbol.dispose]();
    },
  };
}

/**
 * The files that were put aside, by us or by logrotate, oldest first: by the number of their first line, whatever they are called. One that is
 * called as we call them and does not begin like a log is among them, where its name puts it: left out, it would look rotated away.
 */
export async function olderFiles(path: string): Promise<string[]> {
  const folder = dirname(resolve(path));
  const own = basename(path);
  const found: { readonly name: string; readonly seq: number }[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${own}.`) && !name.startsWith(`${own}-`)) continue;
    const seq = await firstSeqAt(join(folder, name), numbered.exec(name)?.[1]);
    if (seq !== undefined) found.push({ name: join(folder, name), seq });
  }
  return found.toSorted((a, b) => a.seq - b.seq).map((file) => file.name);
}

async function dropOldest(path: string, keep: number): Promise<void> {
  const ours = (await olderFiles(path)).filter((name) => numbered.test(name));
  for (const name of ours.slice(0, Math.max(0, ours.length - keep))) await unlink(name);
}

async function lastOfOpen(file: FileHandle): Promise<Tail & { readonly missing?: string }> {
  const tail = (await readTail(file)) ?? emptyTail;
  return (await file.stat()).nlink === 0 ? { ...tail, missing: 'file_deleted' } : tail;
}

async function lastOfOlder(path: string): Promise<Tail> {
  const newest = (await olderFiles(path)).at(-1);
  if (newest === undefined) return emptyTail;
  const file = await open(newest, 'r');
  try {
    return (await readTail(file)) ?? emptyTail;
  } finally {
    await file.close();
  }
}

async function firstSeqAt(path: string, named: string | undefined): Promise<number | undefined> {
  // Whatever is called like one of ours: a FIFO is not waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    if (!(await file.stat()).isFile()) return undefined;
    return await firstSeqOf(file).catch(() => (named === undefined ? undefined : Number(named)));
  } finally {
    await file.close();
  }
}

/** The number of the first line. Throws when that is not a line of ours. */
async function firstSeqOf(file: FileHandle): Promise<number> {
  const head = Buffer.alloc(64);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  const match = /^\{"seq":(\d{1,16}),"time":/.exec(head.toString('latin1', 0, bytesRead));
  if (match === null) throw new Error('it does not begin like an audit log');
  return Number(match[1]);
}
