import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { replaceFile } from '../replace-file.ts';
import { readSecret, secretReference, size, z } from '../settings.ts';
import type { AuditSink } from './audit.ts';
import { readCheckpoint, readLine } from './chain.ts';
import { createFileTarget } from './file.ts';
import { type LogOptions, openLog } from './log.ts';
import { openSigningKey } from './signing-key.ts';
import { createStdoutTarget } from './stdout.ts';

/** The `audit` key of the configuration. */
export const config = z.strictObject({
  to: z
    .union([z.enum(['stdout', 'file', 'both']), z.string().regex(/[/\\]/, 'expected stdout, file, both, or a path with a / in it')])
    .default('file')
    .describe('stdout, file, both, or the path of the file; "file" is in /var/log/exeat for root and in the XDG state folder for others'),
  durability: z
    .enum(['batched', 'strict'])
    .default('batched')
    .describe('batched: on disk within 50 ms; strict: on disk before the call leaves'),
  rotate: z
    .union([z.literal(false), z.strictObject({ size: size.prefault('64MiB'), keep: z.int().min(1).max(9999).default(8) })])
    .prefault({})
    .describe('puts the file aside at this size and keeps so many; false: logrotate does it'),
  queue: size.prefault('16MiB').describe('how much may wait for the disk before new calls are refused'),
  signing_key: secretReference.optional().describe('Ed25519 private key (PEM) for checkpoints; made in the state folder unless given'),
  inputs: z.boolean().default(false).describe('also record the attributes that policies read'),
});

export type AuditConfig = z.output<typeof config>;

export interface AuditDeps {
  /** Where the signing key, its public half and the last checkpoint are kept. */
  readonly stateFolder: string;
  /** The file meant by `to: file` and `to: both`. */
  readonly defaultFile: string;
  readonly clock?: () => number;
  /** Called once for a failure, until the log is back. */
  readonly onFailure?: (error: Error) => void;
  readonly onRecovered?: () => void;
}

/** Opens the audit log as configured and continues its chain. Throws when it cannot be opened or another process writes it. */
export async function createAudit(config: AuditConfig, deps: AuditDeps): Promise<AuditSink> {
  const key = openSigningKey(deps.stateFolder, config.signing_key && readSecret(config.signing_key));
  const options = { ...deps, durability: config.durability, key, queueSize: config.queue };
  if (config.to === 'stdout') return await openLog(createStdoutTarget(), options);
  const file = resolve(config.to === 'file' || config.to === 'both' ? deps.defaultFile : config.to);
  const log = await openFileLog(file, { config, deps, options });
  return config.to === 'both' ? both(log, await openLog(createStdoutTarget(), options)) : log;
}

async function openFileLog(
  file: string,
  { config, deps, options }: { config: AuditConfig; deps: AuditDeps; options: LogOptions },
): Promise<AuditSink> {
  const head = join(deps.stateFolder, 'audit-head.json');
  const target = createFileTarget(file, config.rotate);
  try {
    return await openLog(target, { ...options, knownSeq: knownSeq(head, file), onCheckpoint: headKeeper(head, file) });
  } catch (error) {
    await target.close();
    throw error;
  }
}

/** Every line to both, each with its own chain; new calls need both. */
function both(file: AuditSink, stdout: AuditSink): AuditSink {
  return {
    durability: file.durability,
    append(event) {
      const inFile = file.append(event);
      const onStdout = stdout.append(event);
      if (inFile === undefined || onStdout === undefined) return undefined;
      const written = Promise.all([inFile, onStdout]).then(() => undefined);
      written.catch(() => undefined);
      return written;
    },
    get failure() {
      return file.failure ?? stdout.failure;
    },
    async flush() {
      await Promise.all([file.flush(), stdout.flush()]);
    },
    async reopen() {
      await Promise.all([file.reopen(), stdout.reopen()]);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([file[Symbol.asyncDispose](), stdout[Symbol.asyncDispose]()]);
    },
  };
}

interface Head {
  readonly file: string;
  readonly line: string;
}

/** How often the head is written while a busy log makes checkpoints: it costs a sync. A clean end is always kept. */
const headEveryMs = 1000;

/** Keeps the last checkpoint beside the key: without it a log that was cut at an earlier checkpoint would look whole. */
function headKeeper(path: string, file: string): (line: string) => void {
  let nextAt = 0;
  return (line) => {
    const now = performance.now();
    if (now < nextAt && readCheckpoint(line)?.at === 'interval') return;
    nextAt = now + headEveryMs;
    try {
      replaceFile(path, JSON.stringify({ file, line } satisfies Head), 0o600);
    } catch {
      // An older one still tells most of it; the log itself is written and must not stop for this.
    }
  };
}

function knownSeq(path: string, file: string): number | undefined {
  try {
    const head = JSON.parse(readFileSync(path, 'utf8')) as Head;
    return head.file === file ? readLine(head.line)?.seq : undefined;
  } catch {
    return undefined;
  }
}
