import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { AuditEvent, CallEvent } from '../audit/audit.ts';
import { verifyAudit, type VerifyOptions } from '../audit/verify.ts';

export interface LogOptions extends Pick<VerifyOptions, 'publicKeys'> {
  /** Takes what does not verify all the same. */
  readonly unverified: boolean;
}

/** What audit logs tell of calls that policy was asked about. */
export interface CallLog {
  /** Oldest first in each log, and each once. */
  readonly calls: readonly CallEvent[];
  /** Who opened a task, by its id. */
  readonly origins: ReadonlyMap<string, string>;
}

/** Reads logs and the files put aside before each. Throws when the chain of one does not hold, unless that is to be left unlooked at. */
export async function readLogs(files: readonly string[], { unverified, publicKeys = [] }: LogOptions): Promise<CallLog> {
  const calls = new Map<string, CallEvent>();
  const origins = new Map<string, string>();
  for (const file of files) {
    const report = await verifyAudit(file, { publicKeys });
    if (!report.ok && !unverified) {
      const { file: at = file, line = 0, what = '' } = report.problem ?? {};
      throw new Error(`${file} is not as it was written: ${at}:${line} ${what} (--unverified takes it all the same)`);
    }
    for (const each of report.files) {
      for await (const line of createInterface({ input: createReadStream(each), crlfDelay: Number.POSITIVE_INFINITY })) {
        const event = eventIn(line);
        if (event?.kind === 'task.opened' && event.task !== undefined && event.origin !== undefined) origins.set(event.task, event.origin);
        if (event?.kind === 'call' && isAnswered(event)) calls.set(event.call, event);
      }
    }
  }
  return { calls: [...calls.values()], origins };
}

/** `destination group resource`, apart. */
export function operationParts({ operation = '' }: CallEvent): {
  readonly destination: string;
  readonly group: string;
  readonly resource: string;
} {
  const [, destination = '', group = '', resource = ''] = /^(\S+) (\S+) ([\s\S]*)$/.exec(operation) ?? [];
  return { destination, group, resource };
}

/** Policy's answer is in it; whoever made a log that does not verify may have written anything. */
function isAnswered({ call, decision, operation, method, received_at: at }: CallEvent): boolean {
  return decision !== undefined && Number.isFinite(at) && [call, operation, method].every((each) => typeof each === 'string');
}

function eventIn(line: string): AuditEvent | undefined {
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === 'object' && event !== null ? (event as AuditEvent) : undefined;
  } catch {
    return undefined;
  }
}
