import type { AuditSink, CredentialEvent } from '../audit/audit.ts';
import { ExeatError } from '../errors.ts';
import type { Fingerprint } from '../fingerprint.ts';
import { newId } from '../ids.ts';
import type { Permit } from '../policy/policy.ts';
import type { Secret } from '../secret.ts';
import type { State } from '../state.ts';
import type { CredentialProvider, IssuedCredential, Lease, RevocationProof } from './credential.ts';
import { eventOf } from './lease-event.ts';
import { createSealing } from './sealing.ts';

/** A lease and what ending it takes. */
export interface HeldLease {
  readonly lease: Lease;
  readonly agent: string;
  readonly issuer: string | undefined;
  /** Undefined when its record could not be unsealed. */
  readonly secret: Secret | undefined;
  /** Undefined for a lease of an earlier process. */
  readonly provider: CredentialProvider | undefined;
}

/** What is on disk about one lease. `issuing`: the issuer may have been asked. `ending`: its task is over. */
interface LeaseRecord {
  readonly state: 'issuing' | 'issued' | 'ending';
  readonly lease: Lease;
  readonly agent: string;
  readonly issuer?: string | undefined;
  readonly sealed?: string | undefined;
}

/** Every lease that may still be alive, in memory and on disk, and the audit events of its life. */
export interface LeaseBook {
  /** Before the issuer is asked. Fails when that cannot be recorded; then nobody may be asked. */
  begin(permit: Permit, provider: CredentialProvider, deadBy: number): Promise<HeldLease>;
  /** Nothing was issued after all. */
  cancel(begun: HeldLease, reason: string): void;
  /** Whether something was issued nobody knows. Kept as `unknown` until it must be dead or is forgotten. */
  lose(begun: HeldLease, reason: string): void;
  /** Takes up what was issued; from here on it ends only by `revoked`, `expired` or `dropped`. */
  hold(begun: HeldLease, issued: IssuedCredential): HeldLease;
  /** Before the credential is handed out. Fails when that cannot be recorded; then it must be revoked unused. */
  record(held: HeldLease): Promise<void>;
  /** It is to be ended, also by a later process, whatever its task says. */
  ending(held: HeldLease): void;
  revoked(held: HeldLease, proof: RevocationProof, reason?: string): void;
  /** Told once per lease and process. */
  failed(held: HeldLease, reason: string): void;
  expired(held: HeldLease): void;
  /** Nothing of it is left to wait for: a shared secret that this task no longer uses. */
  dropped(held: HeldLease, reason: string): void;
  of(taskId: string): readonly HeldLease[];
  all(): Iterable<HeldLease>;
  /** Begun and not settled. */
  begun(taskId: string): readonly HeldLease[];
  allBegun(): Iterable<HeldLease>;
  unknown(taskId: string): readonly HeldLease[];
  allUnknown(): Iterable<HeldLease>;
  /** Nobody will ask for this unknown one again. */
  forget(unknown: HeldLease): void;
  /** Once, at start: takes up the leases of the process before. Answers with those whose task was ending already. */
  load(): ReadonlySet<HeldLease>;
}

export interface LeaseBookDeps {
  readonly state: State;
  readonly audit: AuditSink;
  readonly fingerprint: Fingerprint;
  readonly now: () => number;
}

export function createLeaseBook({ state, audit, fingerprint, now }: LeaseBookDeps): LeaseBook {
  const records = state.records<LeaseRecord>('lease');
  const sealing = createSealing(state.key('sealing'));
  const held = new Map<string, HeldLease>();
  const begun = new Map<string, HeldLease>();
  const unknown = new Map<string, HeldLease>();
  const told = new Set<string>();

  const write = (entry: HeldLease, step: LeaseRecord['state']): void => {
    // A shared secret is not issued: there is nothing that a later process could have to end.
    if (entry.lease.shared) return;
    const sealed = entry.secret === undefined ? undefined : sealing.seal(entry.secret, entry.lease.id);
    records.put(entry.lease.id, { state: step, lease: entry.lease, agent: entry.agent, issuer: entry.issuer, sealed });
  };

  const strictly = async (entry: HeldLease, step: 'issuing' | 'issued'): Promise<void> => {
    if (audit.failure !== undefined) throw new ExeatError('audit_unavailable');
    // Nobody is asked for a shared secret.
    if (entry.lease.shared && step === 'issuing') return;
    try {
      write(entry, step);
    } catch (cause) {
      throw new ExeatError('credential_unavailable', 'the lease could not be written to the state folder', { cause });
    }
    await audit.append(eventOf(`credential.${step}`, entry));
    if (audit.failure !== undefined) throw new ExeatError('audit_unavailable');
  };

  const remove = ({ lease: { id } }: HeldLease): void => {
    for (const kept of [held, begun, unknown, told]) kept.delete(id);
  };

  const discard = (entry: HeldLease): void => {
    remove(entry);
    if (!entry.lease.shared) leniently(() => records.delete(entry.lease.id));
  };

  const end = (entry: HeldLease, event: CredentialEvent): void => {
    discard(entry);
    tell(event);
  };

  const lose = (entry: HeldLease, reason: string): void => {
    const lost: HeldLease = { ...entry, lease: { ...entry.lease, unknown: true } };
    remove(entry);
    unknown.set(entry.lease.id, lost);
    leniently(() => write(lost, 'issuing'));
    tell(eventOf('credential.unknown', lost, { reason, dead_by: lost.lease.expiresAt }));
  };

  const tell = (event: CredentialEvent): void => leniently(() => void Promise.resolve(audit.append(event)).catch(() => undefined));

  return {
    async begin(permit, provider, deadBy) {
      const entry: HeldLease = { lease: blankLease(permit, provider, now(), deadBy), ...ownerOf(permit, provider), secret: undefined };
      begun.set(entry.lease.id, entry);
      try {
        await strictly(entry, 'issuing');
      } catch (error) {
        begun.delete(entry.lease.id);
        leniently(() => records.delete(entry.lease.id));
        throw error;
      }
      return entry;
    },
    cancel: (entry, reason) => (entry.lease.shared ? remove(entry) : end(entry, eventOf('credential.refused', entry, { reason }))),
    lose,
    hold(entry, issued) {
      const taken: HeldLease = { ...entry, secret: issued.secret, lease: leaseOf(entry, issued, fingerprint(issued.secret.reveal())) };
      begun.delete(entry.lease.id);
      held.set(entry.lease.id, taken);
      return taken;
    },
    record: (entry) => strictly(entry, 'issued'),
    ending(entry) {
      // What could not be unsealed stays as it is.
      if (entry.secret !== undefined) leniently(() => write(entry, 'ending'));
    },
    revoked: (entry, { proof }, reason) =>
      end(entry, eventOf('credential.revoked', entry, { proof, dead_by: entry.lease.expiresAt, reason })),
    failed(entry, reason) {
      if (told.has(entry.lease.id)) return;
      told.add(entry.lease.id);
      tell(eventOf('credential.revocation_failed', entry, { reason, dead_by: entry.lease.expiresAt }));
    },
    expired: (entry) => end(entry, eventOf('credential.expired', entry)),
    dropped: (entry, reason) => end(entry, eventOf('credential.revocation_failed', entry, { reason, dead_by: entry.lease.expiresAt })),
    of: (taskId) => ofTask(held, taskId),
    all: () => held.values(),
    begun: (taskId) => ofTask(begun, taskId),
    allBegun: () => begun.values(),
    unknown: (taskId) => ofTask(unknown, taskId),
    allUnknown: () => unknown.values(),
    forget: discard,
    load() {
      const ended = new Set<HeldLease>();
      for (const { id, value } of records.all()) {
        const { lease, agent, issuer, sealed } = value;
        // JSON has no Infinity.
        const entry: HeldLease = {
          lease: { ...lease, expiresAt: lease.expiresAt ?? Number.POSITIVE_INFINITY },
          agent,
          issuer,
          secret: sealed === undefined ? undefined : sealing.unseal(sealed, id),
          provider: undefined,
        };
        if (lease.unknown === true) unknown.set(id, entry);
        else if (value.state === 'issuing') lose(entry, 'the process ended while it was issued');
        if (value.state === 'issuing') continue;
        held.set(id, entry);
        if (value.state === 'ending') ended.add(entry);
      }
      return ended;
    },
  };
}

function ofTask(kept: ReadonlyMap<string, HeldLease>, taskId: string): HeldLease[] {
  return [...kept.values()].filter(({ lease }) => lease.task === taskId);
}

/** What ends access goes on whatever the disk and the log do; a record that stays is only ended once more. */
function leniently(act: () => void): void {
  try {
    act();
  } catch {
    // The failure is met again by whoever writes next and must not.
  }
}

function ownerOf(permit: Permit, provider: CredentialProvider): Pick<HeldLease, 'agent' | 'issuer' | 'provider'> {
  return { agent: permit.request.task.agent, issuer: provider.issuer, provider };
}

function blankLease(permit: Permit, provider: CredentialProvider, issuedAt: number, deadBy: number): Lease {
  const { kind, audience, scope, shared, legacy } = provider;
  const { task, target } = permit.request;
  return {
    id: newId('lease'),
    task: task.id,
    destination: target.destination.name,
    kind,
    audience,
    scope,
    issuedAt,
    expiresAt: deadBy,
    revocation: 'none',
    shared,
    legacy,
    fingerprint: '',
  };
}

function leaseOf({ lease, provider }: HeldLease, issued: IssuedCredential, fingerprint: string): Lease {
  const revocable = provider?.revoke !== undefined && issued.revocable !== false;
  return {
    ...lease,
    scope: issued.scope ?? lease.scope,
    expiresAt: issued.expiresAt,
    revocation: revocable ? 'issuer' : 'none',
    fingerprint,
  };
}
