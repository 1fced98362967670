import { mkdirSync, statSync, utimesSync } from 'node:fs';
import { dirname } from 'node:path';
import { readPlainFile } from '../plain-file.ts';
import { replaceFile } from '../replace-file.ts';
import { readSecret } from '../settings.ts';
import { readBundle, type Bundle } from './bundle.ts';
import type { GuardedFetch } from './engine-client.ts';
import type { BundleConfig } from './engine-config.ts';

/** Where policies come from: the newest bundle that was good for anything, and newer ones as they come. */
export interface BundleSource<T> extends AsyncDisposable {
  /** What the first bundle was made into. */
  readonly first: T;
  /** When the one in force was last found to be the newest. */
  confirmedAt(): number;
  /** From now on looks for newer ones; each that can be used is handed over. */
  watch(adopt: (made: T) => void): void;
}

export interface BundleSourceOptions<T> {
  readonly fetch: GuardedFetch;
  /** Keeps the last good one over restarts. */
  readonly file: string;
  /** Throws when the bundle is of no use; then the one before stays. */
  readonly make: (bundle: Bundle) => T;
  readonly warn: (message: string) => void;
  readonly now?: () => number;
}

const largestBytes = 16 * 1024 ** 2;
const pullMs = 10_000;

interface Pulled {
  readonly archive: Buffer;
  readonly bundle: Bundle;
  readonly etag: string | null;
}

/** Pulls, and falls back to what the file has. Throws when neither can be used. */
export async function openBundleSource<T>(config: BundleConfig, options: BundleSourceOptions<T>): Promise<BundleSource<T>> {
  const { fetch, file, make, warn, now = Date.now } = options;
  const closing = new AbortController();
  let current = await kept(file, config).catch((error: unknown) => {
    warn(`the policy bundle in ${file} cannot be used: ${reasonOf(error)}`);
    return undefined;
  });
  let confirmedAt = current === undefined ? 0 : Math.min(statSync(file).mtimeMs, now());
  let etag: string | null = null;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<unknown> = Promise.resolve();

  /** undefined: there is nothing newer. */
  async function look(): Promise<T | undefined> {
    const pulled = await pull(config, { fetch, etag, signal: closing.signal });
    if (pulled === undefined || pulled.bundle.digest === current?.digest) {
      confirm(pulled?.etag ?? etag);
      return undefined;
    }
    assertNewer(pulled.bundle, current);
    const made = make(pulled.bundle);
    current = pulled.bundle;
    keep(pulled.archive);
    confirm(pulled.etag);
    return made;
  }

  function confirm(tag: string | null): void {
    etag = tag;
    confirmedAt = now();
    try {
      utimesSync(file, confirmedAt / 1000, confirmedAt / 1000);
    } catch {
      // It could not be written, which has been told.
    }
  }

  function keep(archive: Buffer): void {
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      replaceFile(file, archive, 0o600);
    } catch (error) {
      warn(`the policy bundle is in force, and could not be kept for the next start: ${reasonOf(error)}`);
    }
  }

  async function start(): Promise<T> {
    try {
      const made = await look();
      if (made !== undefined) return made;
    } catch (error) {
      if (current === undefined) throw new Error(`there is no policy bundle: ${reasonOf(error)}`, { cause: error });
      warn(`the policy bundle of before stays in force: ${reasonOf(error)}`);
    }
    if (current === undefined) throw new Error('there is no policy bundle: the server says that it is unchanged');
    return make(current);
  }

  function schedule(adopt: (made: T) => void): void {
    // Not all sidecars of a fleet at once.
    const waitMs = config.poll * (0.9 + Math.random() * 0.2);
    timer = setTimeout(() => {
      looking = look()
        .then((made) => made !== undefined && !closing.signal.aborted && adopt(made))
        .catch((error: unknown) => closing.signal.aborted || warn(`the policy bundle of before stays in force: ${reasonOf(error)}`))
        .finally(() => closing.signal.aborted || schedule(adopt));
    }, waitMs).unref();
  }

  return {
    first: await start(),
    confirmedAt: () => confirmedAt,
    watch: schedule,
    async [Symbol.asyncDispose]() {
      closing.abort();
      clearTimeout(timer);
      await looking;
    },
  };
}

async function kept(file: string, config: BundleConfig): Promise<Bundle | undefined> {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return undefined;
  return readBundle(readPlainFile(file, largestBytes), config);
}

/** Nobody puts back what was replaced: once bundles are numbered, the number grows. */
function assertNewer({ serial }: Bundle, current: Bundle | undefined): void {
  if (current?.serial === undefined) return;
  if (serial === undefined || serial <= current.serial)
    throw new Error(`its metadata.serial is ${serial ?? 'missing'}, and must be higher than ${current.serial}`);
}

async function pull(
  { url, token, ...trust }: BundleConfig,
  { fetch, etag, signal }: { readonly fetch: GuardedFetch; readonly etag: string | null; readonly signal: AbortSignal },
): Promise<Pulled | undefined> {
  const response = await fetch(url, {
    headers: {
      accept: 'application/gzip, application/vnd.openpolicyagent.bundles, application/octet-stream',
      ...(etag === null ? {} : { 'if-none-match': etag }),
      ...(token === undefined ? {} : { authorization: `Bearer ${readSecret(token).reveal()}` }),
    },
    signal: AbortSignal.any([AbortSignal.timeout(pullMs), signal]),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    if (response.status === 304 && etag !== null) return undefined;
    throw new Error(`the server answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > largestBytes) throw new Error(`it has more than ${largestBytes} bytes`);
    chunks.push(chunk);
  }
  const archive = Buffer.concat(chunks);
  return { archive, bundle: await readBundle(archive, trust), etag: response.headers.get('etag') };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
