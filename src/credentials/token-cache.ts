import type { Destination } from '../destination.ts';
import { ExeatError, refusalOf } from '../errors.ts';
import type { Permit } from '../policy/policy.ts';
import type { Task } from '../tasks/task.ts';
import { cacheKey } from './cache-key.ts';
import type { Credential, CredentialProvider } from './credential.ts';
import type { Fresh, Issue } from './issuance.ts';
import type { HeldLease } from './leases.ts';

/** The credentials in use, by task. Warm answers are synchronous. */
export interface TokenCache {
  obtain(permit: Permit): Credential | undefined | Promise<Credential>;
  /** Takes a credential out. undefined: it may not be, so soon after the last; null: it was out already. */
  evict(credential: Credential): HeldLease | null | undefined;
  bind(destination: Destination, provider: CredentialProvider): void;
  tasks(): Iterable<string>;
  /** Forgets a task. Nothing that is still under way for it will be used. */
  drop(taskId: string): Dropped;
}

/** What was under way for a task when it was dropped. */
export interface Dropped {
  /** Settles when all of it has come in. */
  readonly settled: Promise<unknown>;
  readonly keys: readonly string[];
}

export interface TokenCacheDeps {
  readonly issue: Issue;
  readonly taskIsOpen: (taskId: string) => boolean;
  readonly now: () => number;
  /** Part of the usable life after which a new one is fetched in the background. */
  readonly refreshAt: number;
  readonly evictPauseMs: number;
}

interface Current extends Fresh {
  refreshAt: number;
}

/** The place of one credential: one cache key. */
interface Slot {
  readonly key: string;
  current: Current | undefined;
  flight: Promise<Credential> | undefined;
}

/** How a call finds its slot without building the key: true as long as what stands here is what the key was built from. */
interface View {
  readonly slot: Slot;
  readonly provider: CredentialProvider;
  readonly inputs: readonly string[];
  /** Agent and subject are the task's and never change. */
  readonly task: Task;
  readonly actor: string;
}

interface TaskCache {
  ended: boolean;
  readonly views: WeakMap<Destination, View>;
  readonly slots: Map<string, Slot>;
  readonly evictedAt: Map<string, number>;
}

export function createTokenCache({ issue, taskIsOpen, now, refreshAt, evictPauseMs }: TokenCacheDeps): TokenCache {
  const tasks = new Map<string, TaskCache>();
  const bound = new WeakMap<Destination, CredentialProvider>();

  /** A warm call ends here: two lookups and a few comparisons; no promise, no timer, no string. */
  function obtain(permit: Permit): Credential | undefined | Promise<Credential> {
    const { task, target, principal } = permit.request;
    const view = tasks.get(task.id)?.views.get(target.destination);
    if (view?.task !== task || view.actor !== principal.id || view.inputs !== view.provider.cacheKey(permit)) return lookUp(permit);
    return fromSlot(permit, view.slot, view.provider);
  }

  function lookUp(permit: Permit): Credential | undefined | Promise<Credential> {
    const { task, principal, target } = permit.request;
    const { destination } = target;
    const provider = bound.get(destination);
    if (provider === undefined) {
      if (destination.credentialKind === undefined) return undefined;
      throw new ExeatError('internal_error', `the credential of ${destination.name} has no provider`);
    }
    if (!taskIsOpen(task.id)) throw ended();
    const cache = cacheOf(task.id);
    const inputs = provider.cacheKey(permit);
    const key = cacheKey(permit, provider, inputs);
    const slot = cache.slots.get(key) ?? { key, current: undefined, flight: undefined };
    cache.slots.set(key, slot);
    cache.views.set(destination, { slot, provider, inputs, task, actor: principal.id });
    return fromSlot(permit, slot, provider);
  }

  function fromSlot(permit: Permit, slot: Slot, provider: CredentialProvider): Credential | Promise<Credential> {
    const { current } = slot;
    if (current === undefined) return fetchNew(permit, slot, provider);
    const time = now();
    if (time < current.refreshAt) return current.credential;
    if (time >= current.usableUntil) return fetchNew(permit, slot, provider);
    if (slot.flight === undefined) {
      // The old one serves meanwhile; that the new one does not come is only felt when the old one has ended.
      fetchNew(permit, slot, provider).catch((error: unknown) => {
        current.refreshAt = Math.min(current.usableUntil, now() + (refusalOf(error).retryAfterS ?? 1) * 1000);
      });
    }
    return current.credential;
  }

  /** One request to the issuer for all who ask at once. It has its own time limit: no caller can take it from the others. */
  function fetchNew(permit: Permit, slot: Slot, provider: CredentialProvider): Promise<Credential> {
    slot.flight ??= fly(permit, slot, provider).finally(() => {
      slot.flight = undefined;
    });
    return slot.flight;
  }

  async function fly(permit: Permit, slot: Slot, provider: CredentialProvider): Promise<Credential> {
    const { task } = permit.request;
    if (!taskIsOpen(task.id)) throw ended();
    const cache = cacheOf(task.id);
    const startedAt = now();
    const late = (): boolean => cache.ended || !taskIsOpen(task.id);
    const fresh = await issue({ permit, provider, key: slot.key, late });
    if (late()) throw ended();
    slot.current = { ...fresh, refreshAt: startedAt + (fresh.usableUntil - startedAt) * refreshAt };
    return fresh.credential;
  }

  function cacheOf(taskId: string): TaskCache {
    const known = tasks.get(taskId);
    if (known !== undefined) return known;
    const made: TaskCache = { ended: false, views: new WeakMap(), slots: new Map(), evictedAt: new Map() };
    tasks.set(taskId, made);
    return made;
  }

  return {
    obtain,
    evict({ lease }) {
      const cache = tasks.get(lease.task);
      if (cache === undefined) return undefined;
      const slot = [...cache.slots.values()].find(({ current }) => current?.held.lease.id === lease.id);
      if (slot?.current === undefined) return null;
      const before = cache.evictedAt.get(lease.destination);
      if (before !== undefined && now() - before < evictPauseMs) return undefined;
      cache.evictedAt.set(lease.destination, now());
      const { held } = slot.current;
      slot.current = undefined;
      return held;
    },
    bind: (destination, provider) => void bound.set(destination, provider),
    tasks: () => tasks.keys(),
    drop(taskId) {
      const cache = tasks.get(taskId);
      tasks.delete(taskId);
      if (cache === undefined) return { settled: Promise.resolve(), keys: [] };
      cache.ended = true;
      const flights = [...cache.slots.values()].flatMap(({ flight }) => flight ?? []);
      return { settled: Promise.allSettled(flights), keys: [...cache.slots.keys()] };
    },
  };
}

function ended(): ExeatError {
  return new ExeatError('credential_unavailable', 'the task has ended: nothing is issued for it');
}
