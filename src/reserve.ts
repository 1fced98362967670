import { closeSync, constants, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** A slot is one line. Sectors are multiples of it: none is ever written by halves. */
const slotBytes = 128;

/** Short notes in a file that is written out in full beforehand. They are written in place, and so find room on a full disk. */
export interface Reserve<T> extends Disposable {
  /** On disk when it returns. Throws, with nothing changed, when no slot is left or the disk takes nothing at all. */
  put(id: string, value: T): void;
  delete(id: string): void;
  all(): { readonly id: string; readonly value: T }[];
}

/** Makes the file (0600) where it is missing; throws when there is no room for it. */
export function openReserve<T>(file: string, slots: number): Reserve<T> {
  let fd: number | undefined = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  const found = readFileSync(fd);
  const notes = new Map<string, { readonly slot: number; readonly value: T }>();
  const free: number[] = [];
  const whole = Math.floor(found.length / slotBytes);
  for (let slot = 0; slot < slots; slot += 1) {
    const note = slot < whole ? noteIn(found.subarray(slot * slotBytes, (slot + 1) * slotBytes)) : undefined;
    if (note === undefined) free.push(slot);
    else notes.set(note.id, { slot, value: note.value as T });
  }
  if (whole < slots) write(whole, Buffer.concat(Array.from({ length: slots - whole }, () => lineOf(''))));

  function write(slot: number, lines: Buffer): void {
    if (fd === undefined) throw new Error('the reserve is closed');
    if (writeSync(fd, lines, 0, lines.length, slot * slotBytes) < lines.length) throw new Error(`no room for ${file}`);
    fdatasyncSync(fd);
  }

  return {
    put(id, value) {
      const known = notes.get(id)?.slot;
      const slot = known ?? free[0];
      if (slot === undefined) throw new Error('no slot of the reserve is left');
      write(slot, lineOf(JSON.stringify([id, value])));
      if (known === undefined) free.shift();
      notes.set(id, { slot, value });
    },
    delete(id) {
      const note = notes.get(id);
      if (note === undefined) return;
      write(note.slot, lineOf(''));
      notes.delete(id);
      free.push(note.slot);
    },
    all: () => [...notes].map(([id, { value }]) => ({ id, value })),
    [Symbol.dispose]() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

function lineOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length >= slotBytes) throw new RangeError(`a note has at most ${slotBytes - 1} bytes`);
  const line = Buffer.alloc(slotBytes, ' ');
  bytes.copy(line);
  line.write('\n', slotBytes - 1);
  return line;
}

/** What cannot be read was not written to its end, and whoever wrote it was told so or is gone. */
function noteIn(line: Buffer): { readonly id: string; readonly value: unknown } | undefined {
  const text = line.toString().trimEnd();
  if (text === '') return undefined;
  try {
    const [id, value] = JSON.parse(text) as [string, unknown];
    return { id, value };
  } catch {
    return undefined;
  }
}
