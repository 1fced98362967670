import { ExeatError, refuse } from '../errors.ts';
import type { Permit } from '../policy/policy.ts';
import type { Backoff } from './backoff.ts';
import type { Credential, CredentialProvider, IssuedCredential, NotIssued } from './credential.ts';
import type { HeldLease, LeaseBook } from './leases.ts';
import { reasonOf } from './oauth-errors.ts';
import { rejected } from './rejected.ts';
import type { Revocation } from './revocation.ts';

/** A credential and how long it may be used. */
export interface Fresh {
  readonly held: HeldLease;
  readonly credential: Credential;
  /** Epoch ms: before its end by a safety margin. */
  readonly usableUntil: number;
}

/** Gets one new credential: recorded before the issuer is asked and before it is handed out, or revoked unused. */
export type Issue = (wanted: Wanted) => Promise<Fresh>;

export interface Wanted {
  readonly permit: Permit;
  readonly provider: CredentialProvider;
  /** The full cache key: what fails for itself backs off by it. */
  readonly key: string;
  /** Asked when the credential is there: its task has ended meanwhile. */
  readonly late: () => boolean;
}

export interface IssuanceDeps {
  readonly book: LeaseBook;
  readonly revocation: Revocation;
  readonly backoff: Backoff;
  readonly now: () => number;
  readonly timeoutMs: number;
  readonly marginMs: number;
  /** Told why a credential could not be obtained; no secret in it. */
  readonly warn: (message: string) => void;
}

export function createIssuance({ book, revocation, backoff, now, timeoutMs, marginMs, warn }: IssuanceDeps): Issue {
  return async (wanted) => {
    const { provider, key } = wanted;
    const everyone = provider.issuer ?? key;
    const waitS = backoff.enter([key, everyone]);
    if (waitS !== undefined) throw new ExeatError({ refused: 'credential_unavailable', retryAfterS: waitS });
    const since = now();
    const answer = await askTwice(wanted).catch((error: unknown) => {
      backoff.leave([key, everyone]);
      throw error;
    });
    if (!('notIssued' in answer)) {
      backoff.succeeded(key);
      backoff.succeeded(everyone);
      return answer;
    }
    const { notIssued, reason, outage } = answer;
    const message = `no credential for ${wanted.permit.request.target.destination.name}: ${reason}`;
    warn(message);
    if (notIssued.refused === 'credential_expired') throw new ExeatError(notIssued, message);
    const retryAfterS = backoff.failed(outage ? everyone : key, since, notIssued.retryAfterS);
    // The issuer answered: whatever it said is about this one.
    if (!outage && everyone !== key) backoff.succeeded(everyone);
    throw new ExeatError({ ...notIssued, retryAfterS }, message);
  };

  /** An answer that was lost at once, as on a connection that had just been closed, is worth one more try. */
  async function askTwice(wanted: Wanted): Promise<Fresh | NotIssued> {
    const first = await ask(wanted);
    const answer = first ?? (wanted.late() ? first : await ask(wanted));
    return answer ?? { notIssued: refuse('credential_unavailable'), reason: 'no usable answer came', outage: true };
  }

  /** undefined: the answer was lost. */
  async function ask(wanted: Wanted): Promise<Fresh | NotIssued | undefined> {
    const { permit, provider, late } = wanted;
    const signal = AbortSignal.timeout(timeoutMs);
    const begun = await book.begin(permit, provider, now() + timeoutMs + provider.longestLifeMs);
    const asked = (async () => provider.issue(permit, signal))();
    let answer: IssuedCredential | NotIssued;
    try {
      answer = await Promise.race([asked, rejected(signal)]);
    } catch (error) {
      if (signal.aborted) {
        void afterAll(asked, begun);
        return { notIssued: refuse('credential_unavailable'), reason: 'the issuer did not answer in time', outage: true };
      }
      book.lose(begun, reasonOf(error));
      warn(`the answer with a credential for ${begun.lease.destination} was lost: ${reasonOf(error)}`);
      return undefined;
    }
    if ('notIssued' in answer) {
      book.cancel(begun, answer.reason);
      return answer;
    }
    const held = book.hold(begun, answer);
    const usableUntil = usable(answer, now(), marginMs);
    const unfit = answer.unfit ?? (usableUntil <= now() ? 'it expires too soon to be used' : undefined);
    try {
      await book.record(held);
    } catch (error) {
      void revocation.end(held, 'revoked unused: its issuance could not be recorded');
      throw error;
    }
    if (late()) {
      await revocation.end(held, 'revoked unused: its task has ended');
      throw new ExeatError('credential_unavailable', 'the task has ended');
    }
    if (unfit !== undefined) {
      void revocation.end(held, `revoked unused: ${unfit}`);
      return { notIssued: refuse('credential_unavailable'), reason: unfit, outage: false };
    }
    return { held, usableUntil, credential: { lease: held.lease, headers: answer.headers } };
  }

  /** We stopped waiting, but what comes after all is still ended. */
  async function afterAll(asked: Promise<IssuedCredential | NotIssued>, begun: HeldLease): Promise<void> {
    try {
      const answer = await asked;
      if ('notIssued' in answer) book.cancel(begun, answer.reason);
      else await revocation.end(book.hold(begun, answer), 'revoked unused: it came too late');
    } catch (error) {
      book.lose(begun, reasonOf(error));
    }
  }
}

/** Short lives get a margin in proportion, so that a token of seconds can be used at all. */
function usable({ expiresAt, usableUntil = expiresAt }: IssuedCredential, now: number, marginMs: number): number {
  return usableUntil - Math.min(marginMs, Math.max(0, usableUntil - now) / 10);
}
