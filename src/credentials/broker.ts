import type { AuditSink } from '../audit/audit.ts';
import type { Destination } from '../destination.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { State } from '../state.ts';
import { createBackoff } from './backoff.ts';
import type { CredentialProvider, LeaseOutcome, TokenBroker } from './credential.ts';
import { createIssuance } from './issuance.ts';
import { createLeaseBook, type HeldLease } from './leases.ts';
import { createRevocation } from './revocation.ts';
import { createTokenCache } from './token-cache.ts';

/** How patient and how careful the broker is; times in ms. */
export interface BrokerLimits {
  /** For obtaining one credential: discovery, and one more try with a fresh workload token, included. */
  readonly issueTimeoutMs: number;
  readonly revokeTimeoutMs: number;
  /** A credential is not sent in the last part of its life: this much, or a tenth of a short life. */
  readonly marginMs: number;
  /** Part of the usable life after which a new one is fetched in the background. */
  readonly refreshAt: number;
  readonly firstBackoffMs: number;
  readonly longestBackoffMs: number;
  /** After a 401 has evicted a credential, the next one of its task and destination stands this long. */
  readonly evictPauseMs: number;
  /** How often leases are looked through for what has expired or is to be revoked again. */
  readonly sweepMs: number;
  /** A task that has ended and whose leases nobody revoked is noticed after this time; longer than any drain. */
  readonly abandonedMs: number;
}

const defaultLimits: BrokerLimits = {
  issueTimeoutMs: 15_000,
  revokeTimeoutMs: 5000,
  marginMs: 10_000,
  refreshAt: 0.75,
  firstBackoffMs: 1000,
  longestBackoffMs: 60_000,
  evictPauseMs: 30_000,
  sweepMs: 1000,
  abandonedMs: 120_000,
};

/** Which provider serves a destination: by the object, not the name, so that a call which began before a reload keeps its own graph. */
export type Providers = ReadonlyMap<Destination, CredentialProvider>;

export interface BrokerDeps {
  readonly providers: Providers;
  readonly state: State;
  readonly audit: AuditSink;
  readonly fingerprint: Fingerprint;
  /** Open or paused; false from the moment a task has ended. */
  readonly taskIsOpen: (taskId: string) => boolean;
  /** For operators: why a credential could not be obtained. */
  readonly warn?: (message: string) => void;
  readonly now?: () => number;
  readonly limits?: Partial<BrokerLimits>;
}

export interface Broker extends TokenBroker, AsyncDisposable {
  /** At start, once: ends what the process before left behind. Settles after one try each. */
  resume(): Promise<readonly LeaseOutcome[]>;
  /** After a reload. Leases go on, and are revoked by the provider that issued them. */
  swapProviders(providers: Providers): void;
}

/**
 * The token broker. Every credential belongs to one task: also a shared static secret gets a lease for each task and destination,
 * marked `shared`, so that the report of a task names it. Disposing stops the retries and leaves the journal to the next process.
 */
export function createBroker(deps: BrokerDeps): Broker {
  const { taskIsOpen, now = Date.now, warn = () => undefined } = deps;
  const limits = { ...defaultLimits, ...deps.limits };
  const { firstBackoffMs, longestBackoffMs } = limits;
  const book = createLeaseBook({ ...deps, now });
  const backoff = createBackoff({ firstMs: firstBackoffMs, longestMs: longestBackoffMs, turnMs: limits.issueTimeoutMs, now });
  const seenEnded = new Map<string, number>();
  let { providers } = deps;

  const revocation = createRevocation({
    book,
    providerFor,
    now,
    tryTimeoutMs: limits.revokeTimeoutMs,
    firstPauseMs: firstBackoffMs,
    longestPauseMs: longestBackoffMs,
    sweepMs: limits.sweepMs,
    onSweep: endAbandoned,
  });
  const issue = createIssuance({ book, revocation, backoff, now, timeoutMs: limits.issueTimeoutMs, marginMs: limits.marginMs, warn });
  const cache = createTokenCache({ issue, taskIsOpen, now, refreshAt: limits.refreshAt, evictPauseMs: limits.evictPauseMs });
  swapProviders(providers);

  function swapProviders(next: Providers): void {
    providers = next;
    for (const [destination, provider] of next) cache.bind(destination, provider);
  }

  function providerFor({ lease, issuer }: HeldLease): CredentialProvider | undefined {
    for (const [destination, provider] of providers) {
      if (destination.name === lease.destination && provider.kind === lease.kind && provider.issuer === issuer) return provider;
    }
    return undefined;
  }

  async function revokeTask(taskId: string): Promise<readonly LeaseOutcome[]> {
    const { settled, keys } = cache.drop(taskId);
    await Promise.all(book.of(taskId).map((held) => revocation.end(held)));
    await inTime(settled, limits.revokeTimeoutMs);
    for (const key of keys) backoff.succeeded(key);
    const outcomes = revocation.outcomes(taskId);
    revocation.forget(taskId);
    return [...outcomes, ...book.begun(taskId).map(unsettled('pending')), ...book.unknown(taskId).map(unsettled('unknown'))];
  }

  /** Whoever ends a task revokes its leases; this is for the one that was forgotten. */
  function endAbandoned(): void {
    const known = [...cache.tasks(), ...revocation.tasks(), ...[...book.all(), ...book.allUnknown()].map(({ lease }) => lease.task)];
    const ended = new Set(known.filter((id) => !taskIsOpen(id)));
    for (const id of seenEnded.keys()) if (!ended.has(id)) seenEnded.delete(id);
    for (const id of ended) {
      const since = seenEnded.get(id) ?? now();
      seenEnded.set(id, since);
      if (now() - since < limits.abandonedMs) continue;
      cache.drop(id);
      revocation.forget(id);
      for (const held of book.of(id)) if (!revocation.knows(held)) void revocation.end(held);
      for (const unknown of book.unknown(id)) book.forget(unknown);
    }
  }

  return {
    obtain: (permit) => cache.obtain(permit),
    evict(credential) {
      const held = cache.evict(credential);
      if (held === undefined) return false;
      if (held !== null) void revocation.end(held, 'the destination answered 401 to it');
      return true;
    },
    leases: (taskId) => [...book.of(taskId), ...book.unknown(taskId)].map(({ lease }) => lease),
    revokeTask,
    swapProviders,
    resume() {
      const ending = book.load();
      const due = [...book.all()].filter((held) => ending.has(held) || !taskIsOpen(held.lease.task));
      return Promise.all(due.map((held) => revocation.end(held)));
    },
    async [Symbol.asyncDispose]() {
      await revocation.close();
    },
  };
}

function unsettled(outcome: 'pending' | 'unknown'): (held: HeldLease) => LeaseOutcome {
  return ({ lease }) => ({ lease: lease.id, destination: lease.destination, outcome, deadBy: lease.expiresAt });
}

/** Waits for something to settle, but no longer than that. */
async function inTime(settled: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([settled, promise]);
  clearTimeout(timer);
}
