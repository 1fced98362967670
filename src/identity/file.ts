import { ExeatError } from '../errors.ts';
import { readPlainFile } from '../plain-file.ts';
import { Secret } from '../secret.ts';
import { duration, z } from '../settings.ts';
import { readClaims, type WorkloadClaims } from './claims.ts';
import type { Principal, WorkloadIdentitySource, WorkloadToken } from './identity.ts';

/** A token file that someone else rotates: a projected service-account token, a JWT-SVID written by a SPIFFE helper. */
export const kind = 'file';

export const config = z.strictObject({
  source: z.literal('file'),
  path: z.string().min(1),
  /** Longest time between two looks at the file; sooner when half of the token's life is gone. */
  reread: duration.prefault('30s'),
});

export interface FileIdentityDeps {
  /** Told once per new problem with the file, in words that hold no secret. */
  readonly warn?: (message: string) => void;
  readonly now?: () => number;
}

interface Proof extends WorkloadClaims {
  readonly jwt: string;
}

const largestBytes = 64 * 1024;
/** Below this much remaining life the file is read again before the token is used. */
const nearExpiryMs = 30_000;
const shortestPauseMs = 250;

/**
 * Reads the file by its path each time (it is a symlink that is swapped), never by its inode. A file that is missing or wrong is
 * no proof until it is right again; a proof that was good serves until its `exp`.
 */
export async function create(settings: z.output<typeof config>, deps: FileIdentityDeps = {}): Promise<WorkloadIdentitySource> {
  const now = deps.now ?? Date.now;
  const listeners: ((principal: Principal, expiresAt: number) => void)[] = [];
  let proof: Proof | undefined;
  let problem: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const current = (): Proof | undefined => (proof !== undefined && now() < proof.expiresAt ? proof : undefined);

  const reread = (): void => {
    try {
      const jwt = readTokenFile(settings.path);
      if (jwt !== proof?.jwt) adopt({ jwt, ...readClaims(jwt, now()) });
      problem = undefined;
    } catch (error) {
      report(error instanceof Error ? error.message : String(error));
    }
  };

  const adopt = (next: Proof): void => {
    const first = proof === undefined;
    proof = next;
    if (!first) for (const listener of listeners) listener(next.principal, next.expiresAt);
  };

  const report = (message: string): void => {
    if (problem === message) return;
    problem = message;
    deps.warn?.(`workload identity ${settings.path}: ${message}`);
  };

  const schedule = (): void => {
    const life = current() === undefined ? 0 : (proof?.expiresAt ?? 0) - now();
    const pause = life > 0 ? Math.min(settings.reread, life / 2) : Math.min(settings.reread, 1000);
    timer = setTimeout(
      () => {
        reread();
        if (!closed) schedule();
      },
      Math.max(pause, shortestPauseMs),
    ).unref();
  };

  reread();
  schedule();
  return {
    async token(audience, _signal, fresh): Promise<WorkloadToken> {
      const held = current();
      if (fresh === true || held === undefined || held.expiresAt - now() < nearExpiryMs) reread();
      const usable = current();
      if (usable === undefined) throw new ExeatError('identity_unavailable', problem ?? `the token in ${settings.path} has expired`);
      requireAudience(usable, audience, settings.path);
      return { jwt: new Secret(usable.jwt), principal: usable.principal, expiresAt: usable.expiresAt };
    },
    principal: () => current()?.principal,
    expiresAt: () => current()?.expiresAt,
    onRotation: (listener) => void listeners.push(listener),
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** One audience and no other: whoever is named beside it could use the token there. */
function requireAudience(proof: Proof, audience: string, path: string): void {
  if (proof.audiences.length === 1 && proof.audiences[0] === audience) return;
  const found = proof.audiences.length === 0 ? 'none' : proof.audiences.map((aud) => JSON.stringify(aud)).join(', ');
  const wanted = `the token in ${path} must have the audience ${JSON.stringify(audience)} and no other`;
  throw new ExeatError('identity_unavailable', `${wanted}; it has ${found}`);
}

function readTokenFile(path: string): string {
  const jwt = readPlainFile(path, largestBytes).toString().trim();
  if (jwt === '') throw new Error('the file is empty');
  return jwt;
}
