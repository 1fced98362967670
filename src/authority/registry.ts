import { ExeatError } from '../errors.ts';
import type { Records } from '../state.ts';
import { longestTokenLifeMs } from './config.ts';

/** What is known of one issued access token; no secret in it. Times in epoch ms. */
export interface IssuedToken {
  readonly jti: string;
  /** Principal id of the client it was issued to. */
  readonly client: string;
  readonly subject: string;
  readonly subjectIssuer: string;
  readonly audience: string;
  readonly scope: string;
  readonly taskId?: string;
  readonly intent?: string;
  /** `jti` of the access token it was exchanged from: when that is revoked, so is this. */
  readonly parent?: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly revokedAt?: number;
}

/** Every token that can still be alive, and what was revoked. */
export interface Registry {
  /** On disk when it returns; fails with `credential_unavailable`, and then the token must not be handed out. */
  add(token: IssuedToken): void;
  find(jti: string): IssuedToken | undefined;
  /** Issued here, not expired, and neither it nor what it came from revoked. */
  active(jti: string): boolean;
  /** At once in memory, then on disk; fails with `credential_unavailable` when only the first was done. */
  revoke(jti: string): void;
  ofTask(taskId: string): readonly IssuedToken[];
}

/** Loads what was recorded before. `ofTask` and `find` know a token until it would be dead anyway. */
export function createRegistry(records: Records<IssuedToken>, now: () => number): Registry {
  // In the order of issue, so that the dead ones are at the front.
  const tokens = new Map(
    records
      .all()
      .toSorted((a, b) => a.value.issuedAt - b.value.issuedAt)
      .map(({ id, value }) => [id, value]),
  );

  function active(jti: string): boolean {
    const token = tokens.get(jti);
    if (token === undefined || token.revokedAt !== undefined || token.expiresAt <= now()) return false;
    return token.parent === undefined || active(token.parent);
  }

  function forgetTheDead(): void {
    // A child expires with its parent at the latest, so a forgotten parent has no living child. Two for each one added keep it bounded.
    let left = 2;
    for (const { jti, issuedAt } of tokens.values()) {
      if (left === 0 || issuedAt + longestTokenLifeMs > now()) return;
      records.delete(jti);
      tokens.delete(jti);
      left -= 1;
    }
  }

  return {
    add: (token) => {
      onDisk('an issued token could not be recorded', () => {
        records.put(token.jti, token);
        forgetTheDead();
      });
      tokens.set(token.jti, token);
    },
    find: (jti) => tokens.get(jti),
    active,
    revoke: (jti) => {
      const token = tokens.get(jti);
      if (token === undefined) return;
      const revoked = { ...token, revokedAt: token.revokedAt ?? now() };
      tokens.set(jti, revoked);
      onDisk('a revocation could not be recorded', () => records.put(jti, revoked));
    },
    ofTask: (taskId) => [...tokens.values()].filter((token) => token.taskId === taskId),
  };
}

/** Records that live as long as the process. */
export function createMemoryRecords<T>(): Records<T> {
  const values = new Map<string, T>();
  return {
    put: (id, value) => void values.set(id, value),
    delete: (id) => void values.delete(id),
    all: () => [...values].map(([id, value]) => ({ id, value })),
  };
}

function onDisk(failure: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new ExeatError('credential_unavailable', failure, { cause });
  }
}
