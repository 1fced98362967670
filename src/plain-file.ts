import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The content of a plain file, links followed. Throws when it is none, cannot be read or is larger. Somebody else may put another file in its
 * place, as the agent may with its own token: a FIFO is opened without waiting for its writer, and what is looked at is what was opened.
 */
export function readPlainFile(path: string, largestBytes: number): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${path} is not a plain file`);
    // Its stated size may change, or be none as in /proc: one byte more than it may have tells.
    const bytes = Buffer.alloc(largestBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0; length += read) read = readSync(file, bytes, length, bytes.length - length, null);
    if (length > largestBytes) throw new Error(`${path} has more than ${largestBytes} bytes`);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}
