import type { Lease, LeaseOutcome } from '../credentials/credential.ts';
import { z } from '../settings.ts';
import type { LiveTask } from './live.ts';

const at = z.iso.datetime();

/** One credential of the task. While it lives `outcome` is `active`; afterwards what revoking it came to. Never a secret. */
const leaseReport = z.strictObject({
  lease: z.string(),
  destination: z.string(),
  outcome: z.enum(['active', 'revoked', 'pending', 'not_revocable', 'expired']),
  /** `introspected`: the issuer says it is dead; `accepted`: the issuer answered success. */
  proof: z.enum(['introspected', 'accepted']).optional(),
  /** From when every destination refuses it, also one that checks offline. null: it does not expire by itself. */
  dead_by: at.nullable(),
});

/** A task with what was planned and what was done, as the control API shows it. */
export const taskReport = z.strictObject({
  id: z.string(),
  intent: z.string(),
  origin: z.enum(['orchestrator', 'self_declared', 'default']),
  agent: z.string(),
  subject: z.string().nullable(),
  attested: z.boolean(),
  state: z.enum(['open', 'paused', 'completed', 'expired', 'revoked']),
  opened_at: at,
  expires_at: at,
  ended_at: at.optional(),
  ended_by: z.string().optional(),
  destinations: z.array(z.string()),
  calls: z.strictObject({ used: z.number(), running: z.number(), budget: z.number().nullable(), left: z.number().nullable() }),
  planned: z.array(z.string()),
  executed: z.array(z.strictObject({ operation: z.string(), calls: z.number() })),
  unplanned: z.array(z.string()),
  missed: z.array(z.string()),
  leases: z.array(leaseReport),
});

export type TaskReport = z.output<typeof taskReport>;
type LeaseReport = z.output<typeof leaseReport>;

/** `leases` are the living ones; of an ended task the outcomes are shown instead. */
export function reportOf(task: LiveTask, leases: readonly Lease[]): TaskReport {
  const { budget, operations, end } = task;
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
    destinations: [...task.destinations],
    calls: {
      used: budget.used,
      running: task.running.size,
      budget: limited ? budget.limit : null,
      left: limited ? Math.max(0, budget.limit - budget.used) : null,
    },
    planned: [...task.plan],
    executed: operations.executed().map(([operation, calls]) => ({ operation, calls })),
    unplanned: operations.unplanned(),
    missed: operations.missed(),
    leases: end?.leases === undefined ? leases.map(living) : end.leases.map(ended),
  };
}

function living(lease: Lease): LeaseReport {
  return { lease: lease.id, destination: lease.destination, outcome: 'active', dead_by: isoOrNever(lease.expiresAt) };
}

function ended(outcome: LeaseOutcome): LeaseReport {
  const proof = outcome.outcome === 'revoked' ? { proof: outcome.proof } : {};
  return {
    lease: outcome.lease,
    destination: outcome.destination,
    outcome: outcome.outcome,
    ...proof,
    dead_by: isoOrNever(outcome.deadBy),
  };
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** JSON has no Infinity: once written down it is null, which is no finite number either. */
function isoOrNever(epochMs: number | null): string | null {
  return epochMs !== null && Number.isFinite(epochMs) ? iso(epochMs) : null;
}
