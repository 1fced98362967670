import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readSecret, secretReference, z, type SecretReference } from '../settings.ts';

/** What a bearer token of the control API stands for. */
export type ControlRole = (typeof roles)[number];

const roles = ['operator', 'orchestrator', 'approver', 'agent'] as const;

/** The `control:` key. A token left out is made in the tokens folder. */
export const controlConfig = z.strictObject({
  /** More `host[:port]` that clients may name, where the API is exposed by another one than the listener's own. */
  hosts: z.array(z.string().min(1).toLowerCase()).default([]),
  tokens: z
    .strictObject({
      operator: secretReference.optional(),
      orchestrator: secretReference.optional(),
      approver: secretReference.optional(),
      agent: secretReference.optional(),
    })
    .prefault({}),
});

export type ControlConfig = z.output<typeof controlConfig>;

/** Knows the roles by their tokens. */
export interface RoleTokens {
  /** Files that hold a token; those that were missing were made (0600). */
  readonly files: readonly string[];
  /** The role of a presented token. A changed file is read again; while it cannot be, its role is nobody's and the others go on. */
  roleOf(presented: string): ControlRole | undefined;
}

/** Makes missing token files. Throws when a token cannot be read or is too short to be a secret. */
export function openRoleTokens({ tokens }: ControlConfig, folder: string): RoleTokens {
  const sources = roles.map((role) => ({ role, reference: tokens[role] ?? { file: join(folder, `${role}.token`) } }));
  for (const { reference } of sources) if ('file' in reference) makeIfMissing(reference.file);
  const known = sources.map(({ role, reference }) => ({ role, reference, stamp: stampOf(reference), digest: digestOf(reference) }));
  const digests = known.map(({ digest }) => digest.toString('hex'));
  if (new Set(digests).size < digests.length) throw new Error('two roles of the control API have the same token; give each its own');
  return {
    files: sources.flatMap(({ reference }) => ('file' in reference ? [reference.file] : [])),
    roleOf(presented) {
      const digest = createHash('sha256').update(presented).digest();
      let found: ControlRole | undefined;
      for (const entry of known) {
        const stamp = stampOf(entry.reference);
        if (stamp !== entry.stamp) Object.assign(entry, { stamp, digest: reread(entry.reference, stamp) });
        // Of two roles that came to have one token, the lower one counts.
        if (timingSafeEqual(entry.digest, digest)) found = entry.role;
      }
      return found;
    },
  };
}

function makeIfMissing(file: string): void {
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
}

function digestOf(reference: SecretReference): Buffer {
  const value = readSecret(reference).reveal();
  if (value.length < 16) throw new Error('a token of the control API must have at least 16 characters');
  return createHash('sha256').update(value).digest();
}

/** An agent may own the file of its token: whatever it puts there must neither lock the operator out nor keep us waiting. */
function reread(reference: SecretReference, stamp: string): Buffer {
  try {
    if (stamp !== unreadable) return digestOf(reference);
  } catch {}
  return randomBytes(32);
}

const unreadable = '';
const largestFile = 4096n;

/** Changes when the file does. Empty: there is no plain file of a token's size. */
function stampOf(reference: SecretReference): string {
  if (!('file' in reference)) return 'env';
  try {
    const found = statSync(reference.file, { bigint: true });
    return found.isFile() && found.size <= largestFile ? `${found.ino} ${found.size} ${found.mtimeNs}` : unreadable;
  } catch {
    return unreadable;
  }
}
