import type { FileHandle } from 'node:fs/promises';

/** One line of a log file, without its line feed. */
export interface LogLine {
  readonly file: string;
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
  /** False = the file ends here without a line feed. */
  readonly terminated: boolean;
}

const chunkBytes = 256 * 1024;

/** The lines of a file, a chunk's worth at a time: memory holds one chunk and the longest line. */
export async function* linesOf(file: string, handle: FileHandle): AsyncGenerator<readonly LogLine[], void> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let number = 0;
  let parts: Buffer[] = [];
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, null);
    if (bytesRead === 0) break;
    const lines: LogLine[] = [];
    let from = 0;
    for (let to = buffer.indexOf(10, 0); to !== -1 && to < bytesRead; to = buffer.indexOf(10, from)) {
      parts.push(buffer.subarray(from, to));
      number += 1;
      // Copied: the next read overwrites the chunk, and the last line is needed until then.
      lines.push({ file, number, bytes: Buffer.concat(parts), terminated: true });
      parts = [];
      from = to + 1;
    }
    if (from < bytesRead) parts.push(Buffer.from(buffer.subarray(from, bytesRead)));
    yield lines;
  }
  if (parts.length > 0) yield [{ file, number: number + 1, bytes: Buffer.concat(parts), terminated: false }];
}
