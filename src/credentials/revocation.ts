import { ExeatError } from '../errors.ts';
import { pauseMs } from './backoff.ts';
import type { CredentialProvider, LeaseOutcome } from './credential.ts';
import type { HeldLease, LeaseBook } from './leases.ts';
import { reasonOf } from './oauth-errors.ts';
import { rejected } from './rejected.ts';

/** Ends leases at their issuers, and goes on trying until each is revoked or dead by itself. */
export interface Revocation {
  /** One try now; what fails is `pending` and tried again later. Asking twice is asking once. */
  end(held: HeldLease, reason?: string): Promise<LeaseOutcome>;
  /** It is being ended, or was and is counted down. */
  knows(held: HeldLease): boolean;
  /** How the leases of a task have ended so far, each with its latest outcome. */
  outcomes(taskId: string): readonly LeaseOutcome[];
  forget(taskId: string): void;
  /** Tasks that outcomes are kept of. */
  tasks(): Iterable<string>;
  /** Stops trying again; settles when what is being tried has ended. */
  close(): Promise<void>;
}

export interface RevocationDeps {
  readonly book: LeaseBook;
  /** The provider that can end a lease of an earlier process. */
  readonly providerFor: (held: HeldLease) => CredentialProvider | undefined;
  readonly now: () => number;
  readonly tryTimeoutMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** How often the book is looked through for what is due. */
  readonly sweepMs: number;
  /** Called with each sweep. */
  readonly onSweep: () => void;
}

interface Retry {
  readonly held: HeldLease;
  readonly reason: string | undefined;
  readonly times: number;
  readonly dueAt: number;
}

/** Of a long queue only so many are tried at once: the issuer has just come back. */
const mostAtOnce = 16;

export function createRevocation(deps: RevocationDeps): Revocation {
  const { book, now } = deps;
  const running = new Map<string, Promise<LeaseOutcome>>();
  const retries = new Map<string, Retry>();
  const countingDown = new Set<string>();
  const finished = new WeakMap<HeldLease, LeaseOutcome>();
  const outcomes = new Map<string, Map<string, LeaseOutcome>>();

  const attempt = async (held: HeldLease, reason: string | undefined): Promise<LeaseOutcome> => {
    const { lease } = held;
    const answer = { lease: lease.id, destination: lease.destination, deadBy: lease.expiresAt } as const;
    if (lease.expiresAt <= now()) return expire(held);
    if (lease.shared) {
      book.dropped(held, reason ?? 'a shared secret cannot be revoked for one task; this task no longer uses it');
      return { ...answer, outcome: 'not_revocable' };
    }
    if (lease.revocation === 'none' || held.secret === undefined) {
      return countedDown(held, held.secret === undefined ? 'its record could not be unsealed' : 'its issuer cannot revoke it');
    }
    try {
      const proof = await revokeWithin(held);
      if (proof === undefined) return countedDown(held, 'its issuer cannot revoke it');
      settle(held);
      book.revoked(held, proof, reason);
      return { ...answer, outcome: 'revoked', proof: proof.proof };
    } catch (error) {
      const times = (retries.get(lease.id)?.times ?? 0) + 1;
      retries.set(lease.id, { held, reason, times, dueAt: now() + pauseMs(times, deps.firstPauseMs, deps.longestPauseMs) });
      book.ending(held);
      book.failed(held, reasonOf(error));
      return { ...answer, outcome: 'pending' };
    }
  };

  const expire = (held: HeldLease): LeaseOutcome => {
    settle(held);
    book.expired(held);
    const { id, destination, expiresAt } = held.lease;
    return { lease: id, destination, outcome: 'expired', deadBy: expiresAt };
  };

  const note = (held: HeldLease, outcome: LeaseOutcome): LeaseOutcome => {
    const { id, task } = held.lease;
    if (outcome.outcome !== 'pending') finished.set(held, outcome);
    const ofTask = outcomes.get(task) ?? new Map<string, LeaseOutcome>();
    outcomes.set(task, ofTask.set(id, outcome));
    return outcome;
  };

  const countedDown = (held: HeldLease, why: string): LeaseOutcome => {
    const { id, destination, expiresAt } = held.lease;
    settle(held);
    countingDown.add(id);
    book.ending(held);
    book.failed(held, why);
    return { lease: id, destination, outcome: 'not_revocable', deadBy: expiresAt };
  };

  const revokeWithin = async (held: HeldLease) => {
    const provider = held.provider ?? deps.providerFor(held);
    if (provider?.revoke === undefined || held.secret === undefined)
      throw new ExeatError('credential_unavailable', 'no provider is configured that could revoke it');
    const signal = AbortSignal.timeout(deps.tryTimeoutMs);
    return Promise.race([provider.revoke(held.secret, signal), rejected(signal)]);
  };

  const settle = ({ lease }: HeldLease): void => {
    retries.delete(lease.id);
    countingDown.delete(lease.id);
  };

  const end = (held: HeldLease, reason?: string): Promise<LeaseOutcome> => {
    const { id } = held.lease;
    const done = finished.get(held);
    if (done !== undefined) return Promise.resolve(done);
    const already = running.get(id);
    if (already !== undefined) return already;
    const attempted = attempt(held, reason)
      .then((outcome) => note(held, outcome))
      .finally(() => void running.delete(id));
    running.set(id, attempted);
    return attempted;
  };

  const sweep = (): void => {
    const time = now();
    for (const held of book.all()) {
      if (held.lease.expiresAt > time || running.has(held.lease.id)) continue;
      note(held, expire(held));
    }
    for (const begun of book.allBegun()) {
      if (begun.lease.expiresAt <= time) book.lose(begun, 'its issuer never answered');
    }
    for (const unknown of book.allUnknown()) if (unknown.lease.expiresAt <= time) book.forget(unknown);
    for (const { held, reason, dueAt } of retries.values()) {
      if (running.size >= mostAtOnce) break;
      if (dueAt <= time) void end(held, reason);
    }
    deps.onSweep();
  };

  const timer = setInterval(sweep, deps.sweepMs).unref();
  return {
    end,
    knows: ({ lease }) => running.has(lease.id) || retries.has(lease.id) || countingDown.has(lease.id),
    outcomes: (taskId) => [...(outcomes.get(taskId)?.values() ?? [])],
    forget: (taskId) => void outcomes.delete(taskId),
    tasks: () => outcomes.keys(),
    async close() {
      clearInterval(timer);
      await Promise.allSettled(running.values());
    },
  };
}
