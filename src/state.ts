import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openReserve } from './reserve.ts';

/** Durable JSON records of one kind. Each write is on disk when it returns; a full disk throws. */
export interface Records<T> {
  put(id: string, value: T): void;
  delete(id: string): void;
  all(): { readonly id: string; readonly value: T }[];
}

/** The state folder: what outlives the process. One writer, held by the database's lock, which dies with its process. */
export interface State extends Disposable {
  readonly folder: string;
  records<T>(kind: string): Records<T>;
  /** So many short records that are sure of their room, also where the disk is full. For what must not be lost then. */
  reserve<T>(kind: string, slots: number): Records<T>;
  /** A random key of 32 bytes, made at first use (0600) and kept. */
  key(name: string): Buffer;
}

/** Opens the folder, making it 0700. Throws when another process holds it. */
export function openState(folder: string): State {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'state.db');
  const db = openLocked(file, `another Exeat uses the state folder ${folder}; give each its own "tasks.state"`);
  chmodSync(file, 0o600);
  db.exec('CREATE TABLE IF NOT EXISTS records (kind TEXT, id TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID');
  const put = db.prepare('INSERT INTO records VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value');
  const remove = db.prepare('DELETE FROM records WHERE kind = ? AND id = ?');
  const all = db.prepare('SELECT id, value FROM records WHERE kind = ? ORDER BY id');
  const opened = new DisposableStack();
  opened.defer(() => db.close());
  return {
    folder,
    records: <T>(kind: string): Records<T> => ({
      put: (id, value) => void put.run(kind, id, JSON.stringify(value)),
      delete: (id) => void remove.run(kind, id),
      all: () => all.all(kind).map((row) => ({ id: String(row['id']), value: JSON.parse(String(row['value'])) as T })),
    }),
    reserve: <T>(kind: string, slots: number) => opened.use(openReserve<T>(join(folder, `${kind}.reserve`), slots)),
    key: (name) => keyFile(join(folder, `${name}.key`)),
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}

/** Holds `<path>.lock` for this process until disposed or dead. Throws when another process holds it. */
export function lockFile(path: string): Disposable {
  const db = openLocked(`${path}.lock`, `another Exeat writes ${path}`);
  return { [Symbol.dispose]: () => db.close() };
}

function openLocked(file: string, busy: string): DatabaseSync {
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT');
    return db;
  } catch (cause) {
    db.close();
    if (cause instanceof Error && /locked|busy/i.test(cause.message)) throw new Error(busy, { cause });
    throw cause;
  }
}

function keyFile(path: string): Buffer {
  try {
    writeFileSync(path, randomBytes(32), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const key = readFileSync(path);
  if (key.length !== 32) throw new Error(`the key in ${path} is not 32 bytes long`);
  return key;
}
