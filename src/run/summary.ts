import type { RunReport } from './run.ts';

export interface RunEnd {
  readonly report: RunReport;
  readonly exitCode: number;
  readonly auditFile: string;
  /** Earlier runs that were ended beside this one. */
  readonly ended: number;
}

type Lease = RunReport['task']['leases'][number];

/** One line for a person: what was done, what was issued, what became of it, and where all of it is written down. */
export function summaryLine({ report, auditFile, ended }: RunEnd): string {
  const { calls, denied, issued, revoked, task } = report;
  return [
    `exeat: ${counted(calls, 'call')}, ${denied} denied`,
    `${counted(issued, 'credential')} issued, ${revoked} revoked${leftOf(task.leases)}`,
    ...(task.state === 'completed' ? [] : [`the task was ${task.state} at ${task.ended_at ?? 'its end'}`]),
    ...(ended === 0 ? [] : [`${counted(ended, 'earlier run')} ended`]),
    `audit: ${auditFile}`,
  ].join('; ');
}

/** The same for a program. */
export function summaryJson({ report, exitCode, auditFile, ended }: RunEnd): string {
  const { calls, denied, issued, revoked, task } = report;
  const { id, intent, state, leases } = task;
  const left = leases.filter(isLeft);
  return JSON.stringify({
    task: id,
    intent,
    state,
    exit_code: exitCode,
    calls,
    denied,
    issued,
    revoked,
    not_revoked: left,
    earlier_runs_ended: ended,
    audit: auditFile,
  });
}

const words: Readonly<Partial<Record<Lease['outcome'], string>>> = {
  pending: 'not revoked yet: the next run goes on',
  not_revocable: 'that cannot be revoked',
  unknown: 'that may have been issued',
};

const never = 'nobody knows when';

function leftOf(leases: readonly Lease[]): string {
  const parts = Object.entries(words).flatMap(([outcome, what]) => {
    const those = leases.filter((lease) => lease.outcome === outcome);
    return those.length === 0 ? [] : [`${those.length} ${what}, dead by ${latest(those)}`];
  });
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

function latest(leases: readonly Lease[]): string {
  return leases.reduce((last, { dead_by: deadBy }) => {
    if (deadBy === null || last === never) return never;
    return deadBy > last ? deadBy : last;
  }, '');
}

function isLeft({ outcome }: Lease): boolean {
  return Object.hasOwn(words, outcome);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
