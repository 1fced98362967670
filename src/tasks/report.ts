import type { Lease, LeaseOutcome } from '../credentials/credential.ts';
import { isoOrNull } from '../iso.ts';
import type { LiveTask } from './live.ts';
import type { TaskReport, TaskSummary } from './task.ts';

type LeaseReport = TaskReport['leases'][number];

export function summaryOf(task: LiveTask): TaskSummary {
  const { budget, end } = task;
  const limited = Number.isFinite(budget.limit);
  return {
    id: task.id,
    intent: task.intent,
    origin: task.origin,
    agent: task.agent,
    subject: task.subject ?? null,
    attested: task.attested,
    state: task.state,
    opened_at: iso(task.openedAt),
    expires_at: iso(task.expiresAt),
    ...(end === undefined ? {} : { ended_at: iso(end.at), ended_by: end.by }),
    recorded: task.recorded,
    destinations: [...task.destinations],
    calls: {
      used: budget.used,
      running: task.running.size,
      budget: limited ? budget.limit : null,
      left: limited ? Math.max(0, budget.limit - budget.used) : null,
    },
  };
}

/** `leases` are the living ones; of an ended task the outcomes are shown instead. */
export function reportOf(task: LiveTask, leases: readonly Lease[]): TaskReport {
  const { operations, end } = task;
  return {
    ...summaryOf(task),
    budgets: [...(task.allowances?.lines() ?? [])],
    planned: [...task.plan],
    executed: operations.executed().map(([operation, calls]) => ({ operation, calls })),
    unplanned: operations.unplanned(),
    missed: operations.missed(),
    leases: end?.leases === undefined ? leases.map(living) : end.leases.map(ended),
  };
}

function living(lease: Lease): LeaseReport {
  const outcome = lease.unknown === true ? 'unknown' : 'active';
  return { lease: lease.id, destination: lease.destination, outcome, dead_by: isoOrNull(lease.expiresAt) };
}

function ended(outcome: LeaseOutcome): LeaseReport {
  const proof = outcome.outcome === 'revoked' ? { proof: outcome.proof } : {};
  return {
    lease: outcome.lease,
    destination: outcome.destination,
    outcome: outcome.outcome,
    ...proof,
    dead_by: isoOrNull(outcome.deadBy),
  };
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
