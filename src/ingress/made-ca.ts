import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readPlainFile } from '../plain-file.ts';
import { replaceFile } from '../replace-file.ts';
import { z } from '../settings.ts';
import { lockFile } from '../state.ts';
import { type Ca, makeCa, readCa, type Signers } from './ca.ts';

export interface MadeCaOptions {
  readonly directory: string;
  readonly lifetimeMs: number;
  /** How long before its end a CA gets a successor. */
  readonly renewBeforeMs: number;
  readonly now: () => number;
  /** Lets clients know what to trust. Throws when they cannot know. */
  readonly publish: (trust: string) => void;
  readonly warn: (message: string) => void;
}

interface Published extends Ca {
  readonly publishedAt: number;
}

const lookEveryMs = 3_600_000;
/** A failed attempt to make a successor is not made again by every call. */
const retryAfterMs = 60_000;
const largestFileBytes = 64 * 1024;

const fileShape = z.array(z.strictObject({ certificate: z.string(), key: z.string(), published_at: z.iso.datetime() })).max(2);

/**
 * A CA of this sidecar's own, made at the first start and kept. Its successor is published first, then kept, then signs for tasks opened from
 * then on; when the old one ends the successor takes its place. One process at a time; throws when another has the directory.
 */
export function openMadeCa(options: MadeCaOptions): Signers {
  const { directory, now, publish } = options;
  const file = join(directory, 'ca.json');
  makePrivate(directory);
  using stack = new DisposableStack();
  stack.use(lockFile(file));
  let known = read(file).filter((ca) => ca.notBeforeAt <= now() && ca.notAfterAt > now());
  if (known.length > 0) publish(trustOf(known));
  let lookAt = 0;

  const look = (): void => {
    const at = now();
    if (at < lookAt) return;
    lookAt = at + retryAfterMs;
    known = known.filter((ca) => ca.notAfterAt > at);
    const [current, successor] = known;
    if (current === undefined || (successor === undefined && current.notAfterAt - at <= options.renewBeforeMs)) {
      const made = makeCa(at, options.lifetimeMs);
      publish(trustOf([...known, made]));
      known = [...known, { ...made, publishedAt: now() }];
      write(file, known);
    }
    lookAt = at + lookEveryMs;
  };
  look();
  const timer = setInterval(() => {
    try {
      look();
    } catch (error) {
      options.warn(`the successor of the CA could not be made: ${error instanceof Error ? error.message : String(error)}`);
    }
  }, lookEveryMs).unref();
  stack.defer(() => clearInterval(timer));
  const kept = stack.move();
  return {
    signerFor(openedAt) {
      look();
      const [current, successor] = known;
      if (current === undefined) throw new Error('there is no CA');
      return successor !== undefined && openedAt > successor.publishedAt ? successor : current;
    },
    get trust() {
      return trustOf(known);
    },
    [Symbol.dispose]: () => kept.dispose(),
  };
}

function trustOf(known: readonly Ca[]): string {
  return known.map(({ certificate }) => certificate).join('');
}

function makePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid } = statSync(directory);
  if (uid !== process.getuid?.()) throw new Error(`${directory} belongs to user ${uid}`);
  chmodSync(directory, 0o700);
}

function read(file: string): Published[] {
  if (!existsSync(file)) return [];
  const records = fileShape.parse(JSON.parse(readPlainFile(file, largestFileBytes).toString()));
  return records.map(({ certificate, key, published_at: at }) => ({ ...readCa(certificate, key), publishedAt: Date.parse(at) }));
}

function write(file: string, known: readonly Published[]): void {
  const records = known.map(({ certificate, issuer, publishedAt }) => ({
    certificate,
    key: issuer.key.export({ type: 'pkcs8', format: 'pem' }),
    published_at: new Date(publishedAt).toISOString(),
  }));
  replaceFile(file, JSON.stringify(records, undefined, 2), 0o600);
}
