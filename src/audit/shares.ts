import type { AuditEvent } from './audit.ts';

/** How full the queue may be for an event: beyond the first share nobody is let in, beyond the second only what ends access is kept. */
export const shares = { admitting: 0.75, letIn: 0.875, ending: 1 } as const;

/** Which of them an event has. */
export function shareOf(event: AuditEvent): number {
  if (event.kind === 'call.started' || event.kind === 'call.refused') return shares.admitting;
  if (event.kind !== 'call') return shares.ending;
  // A permit came before it: it was let in, and this is its final event.
  return event.decision === 'allow' || event.decision === 'would_deny' ? shares.letIn : shares.admitting;
}
