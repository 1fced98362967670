import type { FileHandle } from 'node:fs/promises';
import { type ChainEnd, genesis, lineHash, readLine } from './chain.ts';

/** How a log ends, and so how it goes on. */
export interface Tail {
  readonly end: ChainEnd;
  /** The last line is not whole: the writer died, or the disk was full, in the middle of it. */
  readonly torn: boolean;
  /** There is no line feed after the last byte. */
  readonly unterminated: boolean;
  /** The log was closed in good order. */
  readonly closed: boolean;
}

const maxTailBytes = 16 * 1024 * 1024;
const lineFeed = 10;
const firstBytes = '{"seq":';

/** Reads how a file ends. undefined = no whole line of ours is in it. Throws when it holds something else than an audit log. */
export async function readTail(file: FileHandle): Promise<Tail | undefined> {
  const { size } = await file.stat();
  for (let length = Math.min(size, 64 * 1024); ; length = Math.min(size, length * 4)) {
    const bytes = await readAt(file, size - length, length);
    const tail = tailOf(bytes, length === size);
    if (tail !== undefined || isStub(bytes)) return tail;
    if (length === size || length > maxTailBytes) throw new Error('its last lines are not those of an audit log; move the file away');
  }
}

/** How these bytes end. `whole`: nothing stands before them. undefined = they do not reach back to a whole line. */
export function tailOf(bytes: Uint8Array, whole: boolean): Tail | undefined {
  const unterminated = bytes.at(-1) !== lineFeed;
  for (let span = lastLine(bytes, bytes.length); span !== undefined; span = lastLine(bytes, span.from)) {
    if (span.from === 0 && !whole) return undefined;
    const text = decode(bytes, span);
    const seq = readLine(text)?.seq;
    if (seq === undefined) continue;
    const torn = span.to + 1 < bytes.length;
    // What is torn, perhaps more than once, takes no number: the next line links to all its bytes.
    const linked = torn ? bytes.subarray(span.to + 1, unterminated ? undefined : -1) : bytes.subarray(span.from, span.to);
    return { end: { seq, hash: lineHash(linked) }, torn, unterminated, closed: !torn && isClose(text) };
  }
  return undefined;
}

export const emptyTail: Tail = { end: { seq: 0, hash: genesis }, torn: false, unterminated: false, closed: true };

interface Span {
  readonly from: number;
  readonly to: number;
}

/** The last line that ends at or before `end`; its line feed is not part of it. */
function lastLine(bytes: Uint8Array, end: number): Span | undefined {
  if (end === 0) return undefined;
  const to = bytes[end - 1] === lineFeed ? end - 1 : end;
  return { from: to === 0 ? 0 : bytes.lastIndexOf(lineFeed, to - 1) + 1, to };
}

/** Nothing, or the torn beginning of a first line. */
function isStub(bytes: Buffer): boolean {
  return !bytes.includes(lineFeed) && firstBytes.startsWith(bytes.toString('latin1', 0, firstBytes.length));
}

function decode(bytes: Uint8Array, span: Span): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + span.from, span.to - span.from).toString('utf8');
}

function isClose(line: string): boolean {
  return line.includes('"kind":"checkpoint","at":"close"');
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}
