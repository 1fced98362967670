import { createReadStream } from 'node:fs';

/** One line of a log, as bytes: the chain is over bytes. */
export interface LogLine {
  readonly file: string;
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
  /** A line feed stands behind it. */
  readonly terminated: boolean;
}

const lineFeed = 10;

/** The lines of the files in order, in constant memory but for the longest line. */
export async function* linesOf(files: readonly string[]): AsyncGenerator<LogLine> {
  for (const file of files) {
    let rest: Buffer = Buffer.alloc(0);
    let number = 0;
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (let to = bytes.indexOf(lineFeed); to !== -1; to = bytes.indexOf(lineFeed, from)) {
        number += 1;
        yield { file, number, bytes: bytes.subarray(from, to), terminated: true };
        from = to + 1;
      }
      rest = bytes.subarray(from);
    }
    if (rest.length > 0) yield { file, number: number + 1, bytes: rest, terminated: false };
  }
}
