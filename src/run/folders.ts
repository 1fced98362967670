import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { caFoldersOf } from '../config/ca-folders.ts';
import { defaultFolders } from '../config/folders.ts';
import type { Config } from '../config/schema.ts';
import { openState } from '../state.ts';

/** The folders of one run. */
export interface RunFolders {
  /** What takes to end what the run began; removed when nothing is left to end. */
  readonly state: string;
  /** The audit log, and the public key of its checkpoints. */
  readonly kept: string;
  /** What clients must trust; everybody may read it. */
  readonly trust: string;
}

/** What is written down of a run so that another one can end what it began. */
export interface RunRecord extends RunFolders {
  /** The configuration file, and the working directory that its paths are relative to. */
  readonly config: string;
  readonly cwd: string;
  /** Of its own authority, if it had one. */
  readonly issuer: string | undefined;
}

const recordName = 'run.json';
const publicKeyName = 'audit-public.pem';

/**
 * Makes the folders of a new run beside those of earlier ones: below the state folder, the audit log's, and that of published CAs, which is not in
 * the state folder where another user is to read it.
 */
export function makeRunFolders(config: Config, { now, otherUser }: { readonly now: number; readonly otherUser: boolean }): RunFolders {
  const id = `${new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}-${randomBytes(4).toString('hex')}`;
  const { to } = config.audit;
  const auditFile = to === 'file' || to === 'both' || to === 'stdout' ? defaultFolders().auditFile : to;
  const folders = {
    state: join(statesOf(config), id),
    kept: resolve(dirname(auditFile), 'runs', id),
    trust: resolve(otherUser ? (config.tls.ca.publish ?? defaultFolders().ca.publish) : caFoldersOf(config).publish, id),
  };
  for (const folder of [folders.state, folders.kept]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folders;
}

export function auditFileOf({ kept }: RunFolders): string {
  return join(kept, 'audit.ndjson');
}

/** From now on the run can be ended by another one. */
export function recordRun(record: RunRecord): void {
  writeFileSync(join(record.state, recordName), JSON.stringify(record), { mode: 0o600 });
}

export function readRecord(state: string): RunRecord {
  return JSON.parse(readFileSync(join(state, recordName), 'utf8')) as RunRecord;
}

/** Nothing is left to end: only the audit log stays, with what it is verified by. */
export function forgetRun(folders: RunFolders): void {
  const { state, kept, trust } = folders;
  copyFileSync(join(state, publicKeyName), join(kept, publicKeyName));
  for (const each of [trust, state, `${auditFileOf(folders)}.lock`]) rmSync(each, { recursive: true, force: true });
}

/** The run did not come to be. */
export function discardRun({ state, kept, trust }: RunFolders): void {
  for (const folder of [trust, state, kept]) rmSync(folder, { recursive: true, force: true });
}

/** What has not been ended by then has expired, or never will be: its configuration is gone, or its authority. */
const longestKeptMs = 30 * 86_400_000;
/** A run that was killed while it started has given nothing to anybody. */
const longestStartMs = 3_600_000;

/** State folders of runs whose process is gone: nobody holds them any more. Those that nobody can end are removed. */
export function abandonedRuns(config: Config, now: number): string[] {
  const states = statesOf(config);
  const unheld = namesIn(states)
    .map((name) => join(states, name))
    .filter((state) => !isStarting(state, now) && !isHeld(state));
  const [over, left] = [true, false].map((past) => unheld.filter((state) => isOver(state, now) === past));
  for (const state of over ?? []) rmSync(state, { recursive: true, force: true });
  return left ?? [];
}

function isStarting(state: string, now: number): boolean {
  return writtenAt(join(state, recordName)) === undefined && now - (writtenAt(state) ?? now) < longestStartMs;
}

function isOver(state: string, now: number): boolean {
  const recordedAt = writtenAt(join(state, recordName));
  return recordedAt === undefined || now - recordedAt > longestKeptMs;
}

function writtenAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function statesOf({ tasks }: Config): string {
  return resolve(tasks.state ?? defaultFolders().state, 'runs');
}

function isHeld(state: string): boolean {
  try {
    openState(state)[Symbol.dispose]();
    return false;
  } catch {
    return true;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
