import { fdatasync, fstat, write } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { emptyTail, tailOf } from './tail.ts';
import type { Target } from './target.ts';

const writeTo = promisify(write);
const statOf = promisify(fstat);
const sync = promisify(fdatasync);
const busyMs = 20;

/** Standard output, or another open descriptor. The chain begins with the process, and rotation is for whoever collects it. */
export function createStdoutTarget(fd = 1): Target {
  /** The last line sent, and what a failed write sent after it. */
  let sent = Buffer.alloc(0);

  return {
    open() {
      const tail = tailOf(sent, true);
      return Promise.resolve(tail === undefined ? { ...emptyTail, unterminated: sent.length > 0, fresh: true } : { ...tail, fresh: false });
    },
    async write(lines) {
      const last = sent.subarray(sent.lastIndexOf(10, sent.length - 2) + 1);
      let from = 0;
      try {
        while (from < lines.length) from += await writeSome(fd, lines.subarray(from));
      } finally {
        sent = Buffer.concat([last, lines.subarray(0, from)]);
      }
      if ((await statOf(fd)).isFile()) await sync(fd);
    },
    full: false,
    rotate: () => Promise.resolve(),
    moved: () => Promise.resolve(false),
    close: () => Promise.resolve(),
  };
}

/** A reader that is slow for a moment is no failure: the bounded queue decides how long it may take. */
async function writeSome(fd: number, bytes: Buffer): Promise<number> {
  try {
    return (await writeTo(fd, bytes, 0, bytes.length, null)).bytesWritten;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    await delay(busyMs);
    return 0;
  }
}
