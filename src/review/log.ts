import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { CallEvent } from '../audit/audit.ts';
import { verifyAudit } from '../audit/verify.ts';

/** The calls of a log that policy was asked about, oldest first. Throws when its chain does not hold, unless that is to be left unlooked at. */
export async function readCalls(file: string, { unverified = false } = {}): Promise<readonly CallEvent[]> {
  const report = await verifyAudit(file);
  if (!report.ok && !unverified) {
    throw new Error(
      `${file} is not as it was written: ${report.problem?.file ?? ''}:${report.problem?.line ?? 0} ${report.problem?.what ?? ''} (--unverified takes it all the same)`,
    );
  }
  const calls: CallEvent[] = [];
  for (const each of report.files) {
    for await (const line of createInterface({ input: createReadStream(each), crlfDelay: Number.POSITIVE_INFINITY })) {
      const event = eventIn(line);
      if (event?.kind === 'call' && event.decision !== undefined && event.operation !== undefined) calls.push(event);
    }
  }
  return calls;
}

function eventIn(line: string): CallEvent | undefined {
  try {
    return JSON.parse(line) as CallEvent;
  } catch {
    return undefined;
  }
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
