import type { Secret } from '../secret.ts';

/** Who the agent is, whatever proved it. Claims of different issuers never share a name space: `id` holds both. */
export interface Principal {
  /** A `spiffe://…` subject as it is, else `<issuer>|<subject>`. */
  readonly id: string;
  readonly issuer: string;
  readonly subject: string;
  readonly kind: 'jwt-svid' | 'k8s-sa' | 'oidc' | 'local';
  /** Allow-listed claims only. */
  readonly attributes: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/** A proof of the workload's identity for one audience. */
export interface WorkloadToken {
  readonly jwt: Secret;
  readonly principal: Principal;
  /** Epoch ms of the token's `exp`. */
  readonly expiresAt: number;
}

/** The workload's current token for an audience. Rotates; callers must not keep it. Fails with `identity_unavailable`. */
export interface WorkloadIdentitySource extends AsyncDisposable {
  /** `fresh`: the issuer refused the last one; make or read a new one instead of answering from memory. */
  token(audience: string, signal: AbortSignal, fresh?: boolean): Promise<WorkloadToken>;
  /** Who we are now; undefined while there is no valid proof. Cheap: asked on every call. */
  principal(): Principal | undefined;
  /** Epoch ms at which the present proof expires; undefined when there is none. */
  expiresAt(): number | undefined;
  /** Called with the new proof's principal and expiry after each rotation. */
  onRotation(listener: (principal: Principal, expiresAt: number) => void): void;
}
