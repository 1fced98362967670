import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Writes the whole file or nothing: readers and a crash see the old or the new text. The mode holds whatever the umask is. */
export function replaceFile(path: string, text: string | Buffer, mode: number): void {
  const next = `${path}.next`;
  rmSync(next, { force: true });
  // Not a file or a link that somebody put there meanwhile.
  const file = openSync(next, 'wx', mode);
  try {
    fchmodSync(file, mode);
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
}
