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
  /** Lets clients know what to trust. Throws when that cannot be done. */
  readonly publish: (trust: string) => void;
  readonly warn: (message: string) => void;
}

interface PublishedCa extends Ca {
  readonly publishedAt: number;
}

/** Also how soon a failed attempt to make a successor is made again. */
const lookEveryMs = 60_000;
const largestFileBytes = 64 * 1024;

const successorPublished =
  'the CA ends soon: its successor is published and signs for tasks opened from now on; agents that read the published files only once must be restarted';

const fileShape = z.array(z.strictObject({ certificate: z.string(), key: z.string(), published_at: z.iso.datetime() })).max(2);

/**
 * A CA of this sidecar's own, made at the first start and kept. Its successor is published first, then kept, then signs for tasks opened from
 * then on; when the old one ends the successor takes its place. Throws when another process has the directory, or somebody else can write there.
 */
export function openMadeCa({ directory, now, publish, warn, lifetimeMs, renewBeforeMs }: MadeCaOptions): Signers {
  makePrivate(directory);
  using stack = new DisposableStack();
  const file = join(directory, 'ca.json');
  stack.use(lockFile(file));
  let known = readCas(file).filter((ca) => ca.notBeforeAt <= now() && ca.notAfterAt > now());
  // What was published may have gone with its folder.
  if (known.length > 0) publish(trustOf(known));

  const renew = (at: number): void => {
    const lasting = known.filter((ca) => ca.notAfterAt > at);
    const [current, successor] = lasting;
    const due = current === undefined || (successor === undefined && current.notAfterAt - at <= renewBeforeMs);
    const made = due ? [makeCa(at, lifetimeMs)] : [];
    if (!due && lasting.length === known.length) return;
    publish(trustOf([...lasting, ...made]));
    const next = [...lasting, ...made.map((ca) => ({ ...ca, publishedAt: now() }))];
    writeCas(file, next);
    known = next;
    if (due && current !== undefined) warn(successorPublished);
  };
  renew(now());

  let lookAt = now() + lookEveryMs;
  const look = (): void => {
    const at = now();
    if (at < lookAt) return;
    lookAt = at + lookEveryMs;
    try {
      renew(at);
    } catch (error) {
      warn(`the CA could not be renewed: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const timer = setInterval(look, lookEveryMs).unref();
  stack.defer(() => clearInterval(timer));
  const held = stack.move();
  return {
    signerFor(openedAt) {
      look();
      const at = now();
      const [current, successor] = known.filter((ca) => ca.notAfterAt > at);
      if (current === undefined) throw new Error('the CA has expired and could not be renewed');
      return successor !== undefined && openedAt > successor.publishedAt ? successor : current;
    },
    get trust() {
      return trustOf(known);
    },
    [Symbol.dispose]: () => held.dispose(),
  };
}

function trustOf(cas: readonly Ca[]): string {
  return cas.map(({ certificate }) => certificate).join('');
}

function makePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid } = statSync(directory);
  const self = process.getuid?.();
  if (self !== undefined && uid !== self) {
    throw new Error(
      `tls.ca.directory: ${directory} belongs to user ${uid}, who could put a CA of their own there; name a folder that Exeat can make`,
    );
  }
  chmodSync(directory, 0o700);
}

function readCas(file: string): PublishedCa[] {
  if (!existsSync(file)) return [];
  try {
    const records = fileShape.parse(JSON.parse(readPlainFile(file, largestFileBytes).toString()));
    return records.map(({ certificate, key, published_at: at }) => ({ ...readCa(certificate, key), publishedAt: Date.parse(at) }));
  } catch {
    // Nothing of what is in it belongs in a message.
    throw new Error(`${file} is damaged; without it a new CA is made, which running agents do not trust yet`);
  }
}

function writeCas(file: string, cas: readonly PublishedCa[]): void {
  const records = cas.map(({ certificate, issuer, publishedAt }) => ({
    certificate,
    key: issuer.key.export({ type: 'pkcs8', format: 'pem' }),
    published_at: new Date(publishedAt).toISOString(),
  }));
  replaceFile(file, `${JSON.stringify(records, undefined, 2)}\n`, 0o600);
}
