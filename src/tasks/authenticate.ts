import { hash, timingSafeEqual } from 'node:crypto';
import type { LiveTask } from './live.ts';

type Credential = readonly [id: string, secret: string];

/** The forms in which a client can send a task credential. Only the first is read on the forward door. */
const forms: readonly ((presented: string) => Credential | undefined)[] = [
  (presented) => splitAt(':', decoded(/^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(presented)?.[1])),
  (presented) => splitAt('.', /^bearer +(\S+)$/i.exec(presented)?.[1]),
  (presented) => splitAt('.', presented),
];

const basicOnly = forms.slice(0, 1);
/** Header values of one task that are remembered: each form, and a few spellings of its scheme. */
const remembered = 8;
const nobody = Buffer.alloc(32);

/** Finds the task whose credential was presented; undefined = unknown or wrong. What it finds may have ended. */
export interface CredentialReader {
  forward(presented: string): LiveTask | undefined;
  /** All forms: `<id>.<secret>` by itself, as a Bearer token, or as Basic user and password. */
  route(presented: string): LiveTask | undefined;
  forget(task: LiveTask): void;
}

/**
 * Once a header value has proved right it is found again by itself, without decoding and hashing: a lookup by V8's seeded string hash.
 * A wrong value misses on the hash, never on a prefix, so what the lookup takes tells nothing about a right one.
 */
export function createCredentialReader(find: (id: string) => LiveTask | undefined): CredentialReader {
  const known = { forward: new Map<string, LiveTask>(), route: new Map<string, LiveTask>() };
  const spellings = new Map<LiveTask, number>();

  function read(door: 'forward' | 'route', presented: string): LiveTask | undefined {
    const hit = known[door].get(presented);
    if (hit !== undefined) return hit;
    const task = verified(door === 'forward' ? basicOnly : forms, presented);
    if (task !== undefined) remember(door, presented, task);
    return task;
  }

  function remember(door: 'forward' | 'route', presented: string, task: LiveTask): void {
    const count = spellings.get(task) ?? 0;
    if (count >= remembered) return;
    spellings.set(task, count + 1);
    known[door].set(presented, task);
  }

  function verified(accepted: typeof forms, presented: string): LiveTask | undefined {
    for (const form of accepted) {
      const credential = form(presented);
      if (credential === undefined) continue;
      const [id, secret] = credential;
      const task = find(id);
      const digest = hash('sha256', secret, 'buffer');
      if (timingSafeEqual(digest, task?.secretHash ?? nobody) && task?.secretHash !== undefined) return task;
    }
    return undefined;
  }

  return {
    forward: (presented) => read('forward', presented),
    route: (presented) => read('route', presented),
    forget(task) {
      if (!spellings.delete(task)) return;
      for (const map of Object.values(known)) for (const [presented, owner] of map) if (owner === task) map.delete(presented);
    },
  };
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8');
}

function splitAt(separator: string, credential: string | undefined): Credential | undefined {
  const at = credential?.indexOf(separator) ?? -1;
  return credential === undefined || at < 1 ? undefined : [credential.slice(0, at), credential.slice(at + 1)];
}
