import type { Refusal } from '../errors.ts';
import type { Permit } from '../policy/policy.ts';
import type { Secret } from '../secret.ts';

/** What revoking proved. `introspected`: the issuer says the token is not active. `accepted`: it answered success (RFC 7009 does so for unknown tokens too). */
export type RevocationProof = { readonly proof: 'introspected' | 'accepted' };

/** The record of one issued credential; no secret in it. */
export interface Lease {
  readonly id: string;
  readonly task: string;
  readonly destination: string;
  readonly kind: string;
  readonly audience: string | undefined;
  readonly scope: string | undefined;
  readonly issuedAt: number;
  /** Epoch ms from which the credential is dead everywhere, also where it is checked offline. Infinity: it does not expire by itself. */
  readonly expiresAt: number;
  readonly revocation: 'issuer' | 'none';
  /** Issued for no task in particular: the same secret serves several. */
  readonly shared: boolean;
  /** A dated static secret. */
  readonly legacy: boolean;
  /** Keyed digest of the secret, to join logs. */
  readonly fingerprint: string;
  /** The issuer's answer was lost: nobody knows whether there is a credential, and nobody can revoke it. */
  readonly unknown?: true;
}

/** What a provider issued, before the broker makes it a lease. */
export interface IssuedCredential {
  /** Header fields to set on the outgoing call, lower-case names. */
  readonly headers: readonly (readonly [name: string, value: Secret])[];
  /** The secret itself, as `revoke` needs it; sealed when it is written down. */
  readonly secret: Secret;
  /** Epoch ms from which it is dead everywhere, as the issuer said: what a report may promise. */
  readonly expiresAt: number;
  /** Epoch ms from which it is not sent any more, where that is earlier: the local cap, the end of the subject token. */
  readonly usableUntil?: number;
  readonly scope?: string;
  /** False: the provider can revoke, but not this one. */
  readonly revocable?: false;
  /** Why it must not be used although it was issued (wrong type, wider scope); the broker revokes it unused. */
  readonly unfit?: string;
}

/** The issuer said no or was never reached: nothing was issued, for certain. */
export interface NotIssued {
  readonly notIssued: Refusal;
  /** For operators; no secret in it. */
  readonly reason: string;
  /** Everyone who asks this issuer meets it now (an outage, a rate limit), not this task only. */
  readonly outage: boolean;
}

/** A credential ready to be sent, to the scheme, host and port of its lease's destination only. */
export interface Credential {
  readonly lease: Lease;
  readonly headers: readonly (readonly [name: string, value: Secret])[];
}

/** Credentials of one kind from one place. No cache: the broker has it. `revoke` is absent where the issuer has none. */
export interface CredentialProvider {
  readonly kind: string;
  /** One credential serves all tasks (static secrets): marked `shared`. */
  readonly shared: boolean;
  readonly legacy: boolean;
  readonly audience: string | undefined;
  readonly scope: string | undefined;
  /** Who issues: backs off as one, and a stored lease is only ever revoked there. Undefined: nobody outside is asked. */
  readonly issuer: string | undefined;
  /** Longest life of what it issues, as far as is known, in ms: bounds a credential whose issuance got no answer. */
  readonly longestLifeMs: number;
  /**
   * Everything beyond agent, subject, actor, task and destination that makes two credentials differ, as a list the broker
   * length-prefixes. The same array each time for the same inputs: a warm call compares nothing else.
   */
  cacheKey(permit: Permit): readonly string[];
  /** A throw means that something may have been issued all the same; `NotIssued` that nothing was. */
  issue(permit: Permit, signal: AbortSignal): Promise<IssuedCredential | NotIssued>;
  /** undefined: the issuer cannot revoke this one. Throws when it failed and may be tried again. */
  revoke?(secret: Secret, signal: AbortSignal): Promise<RevocationProof | undefined>;
}

/** How the end of one lease went. `unknown`: whether anything was issued; if so it is dead by then. */
export type LeaseOutcome =
  | {
      readonly lease: string;
      readonly destination: string;
      readonly outcome: 'revoked';
      readonly proof: RevocationProof['proof'];
      readonly deadBy: number;
    }
  | {
      readonly lease: string;
      readonly destination: string;
      readonly outcome: 'pending' | 'not_revocable' | 'expired' | 'unknown';
      readonly deadBy: number;
    };

/** Caches, single-flights, refreshes and revokes over all providers. */
export interface TokenBroker {
  /** undefined: this destination takes no credential. Fails with an ExeatError; never returns an expired credential. */
  obtain(permit: Permit): Credential | undefined | Promise<Credential | undefined>;
  /** The destination answered 401 to this credential. True: it was evicted and a fresh one is worth one try. */
  evict(credential: Credential): boolean;
  /** What of a task's may still be alive, what is unknown included. */
  leases(taskId: string): readonly Lease[];
  /** Revokes all leases of a task; settles after one try each (what failed is `pending` and retried in the background). */
  revokeTask(taskId: string): Promise<readonly LeaseOutcome[]>;
}
