import type { Server } from 'node:net';
import { resolve } from 'node:path';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { ExeatError, isRefusal, detailOf } from '../errors.ts';
import type { OperatorLog } from '../log.ts';
import { startStages, type RunningStages } from '../stages.ts';
import type { TaskReport } from '../tasks/task.ts';
import { auditFileOf, discardRun, forgetRun, makeRunFolders, readRecord, recordRun, type RunFolders } from './folders.ts';
import { identityFolderOf, needsOwnAuthority, startOwnAuthority } from './own-authority.ts';

/** What a run is for. */
export interface RunOptions {
  readonly config: Config;
  readonly file: string;
  readonly intent: string;
  /** A socket that only the child can reach; without it the listener is on loopback, for processes of our own user. */
  readonly socket: Server | undefined;
  /** Variables that the child keeps against the rule. */
  readonly keep: readonly string[];
  readonly log: OperatorLog;
}

/** How a run went. */
export interface RunReport {
  readonly calls: number;
  readonly denied: number;
  readonly issued: number;
  readonly revoked: number;
  readonly task: TaskReport;
}

/** A task with a sidecar of its own. Where it does not come to `end`, the next run ends it. */
export interface Run {
  readonly task: string;
  /** Address of the listener that is the task. */
  readonly proxy: string;
  readonly folders: RunFolders;
  readonly auditFile: string;
  /** Of its own authority, if it has one. */
  readonly issuer: string | undefined;
  /** Completes the task, revokes, closes everything; once. */
  end(): Promise<RunReport>;
}

/** Starts all that a child needs to call in a task of its own. Throws, with nothing left behind, when any part cannot start. */
export async function startRun(options: RunOptions): Promise<Run> {
  const folders = makeRunFolders(options.config, { now: Date.now(), otherUser: options.socket !== undefined });
  try {
    return await startRunIn(folders, options);
  } catch (error) {
    discardRun(folders);
    throw error;
  }
}

async function startRunIn(folders: RunFolders, { config, file, intent, socket, keep, log }: RunOptions): Promise<Run> {
  await using stack = new AsyncDisposableStack();
  const authority = needsOwnAuthority(config) ? stack.use(await startOwnAuthority(config, folders.state)) : undefined;
  const stages = stack.use(await startStagesIn(folders, { config, log, authority: authority?.client }));
  const task = stages.tasks.openBound({ intent, ttlMs: Number.POSITIVE_INFINITY }, 'run');
  if (isRefusal(task)) throw new ExeatError(task, `the task was refused: ${detailOf(task)}`);
  for (const name of keep) {
    const detail = `the child keeps the environment variable ${name}`;
    void stages.audit.append({ kind: 'privilege.changed', change: 'pass_env', task: task.id, detail });
  }
  const at = socket === undefined ? { host: '127.0.0.1', port: 0 } : { socket };
  const proxy = await stages.openProxy(at, { task: () => task.id, uid: socket === undefined ? process.getuid?.() : undefined });
  recordRun({ ...folders, config: resolve(file), cwd: process.cwd(), issuer: authority?.issuer });
  const all = stack.move();
  return {
    task: task.id,
    proxy,
    folders,
    auditFile: auditFileOf(folders),
    issuer: authority?.issuer,
    async end() {
      const report = await endTask(stages, task.id);
      const counts = stages.metrics.counts();
      await all[Symbol.asyncDispose]();
      if (isDealtWith(report)) forgetRun(folders);
      return { ...counts, task: report };
    },
  };
}

/** Ends what a run whose process is gone has left behind; false where something is still to be revoked. */
export async function finishRun(state: string, log: OperatorLog): Promise<boolean> {
  const record = readRecord(state);
  const config = loadConfig(record.config, { ownAuthority: true });
  await using stack = new AsyncDisposableStack();
  const authority = record.issuer === undefined ? undefined : stack.use(await startOwnAuthority(config, state, record.issuer));
  const stages = stack.use(await startStagesIn(record, { config, log, authority: authority?.client }));
  const reports = await Promise.all(stages.tasks.list().map(({ id }) => endTask(stages, id)));
  await stack.disposeAsync();
  const done = reports.every(isDealtWith);
  if (done) forgetRun(record);
  return done;
}

interface StagesOptions {
  readonly config: Config;
  readonly log: OperatorLog;
  readonly authority: Config['authority'] | undefined;
}

/** The configuration is read once: nothing that the child does may change what it may do. */
function startStagesIn(folders: RunFolders, { config, log, authority }: StagesOptions): Promise<RunningStages> {
  const { identity } = config;
  const folder = identityFolderOf(config);
  const own: Config = {
    ...config,
    identity: identity.source === 'local' && folder !== undefined ? { ...identity, folder } : identity,
    ...(authority === undefined ? {} : { authority }),
    tls: { ...config.tls, ca: { ...config.tls.ca, publish: folders.trust } },
    tasks: { ...config.tasks, state: folders.state, default_intent: undefined },
    audit: { ...config.audit, to: auditFileOf(folders) },
  };
  return startStages({ config: own, reread: () => own, log });
}

async function endTask({ tasks }: RunningStages, id: string): Promise<TaskReport> {
  const report = await tasks.complete(id, 'run');
  if (isRefusal(report)) throw new ExeatError(report);
  return report;
}

function isDealtWith({ leases }: TaskReport): boolean {
  return leases.every(({ outcome }) => outcome !== 'pending' && outcome !== 'active');
}
