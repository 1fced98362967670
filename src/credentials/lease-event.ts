import type { CredentialEvent } from '../audit/audit.ts';
import type { Lease } from './credential.ts';

/** The audit event of one step in a lease's life. */
export function eventOf(
  kind: CredentialEvent['kind'],
  { lease, agent }: { readonly lease: Lease; readonly agent: string },
  more: Pick<CredentialEvent, 'proof' | 'dead_by' | 'reason'> = {},
): CredentialEvent {
  return {
    kind,
    lease: lease.id,
    task: lease.task,
    agent,
    destination: lease.destination,
    provider: lease.kind,
    audience: lease.audience,
    scope: lease.scope,
    expires_at: lease.expiresAt,
    fingerprint: lease.fingerprint === '' ? undefined : lease.fingerprint,
    ...more,
    ...(lease.shared && { shared: true }),
    ...(lease.legacy && { legacy: true }),
  };
}
