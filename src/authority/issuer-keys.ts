import { createLocalJWKSet, errors } from 'jose';
import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from 'jose';
import type { PeerNetwork } from '../destination.ts';
import { ExeatError } from '../errors.ts';
import { readPlainFile } from '../plain-file.ts';
import type { TrustedIssuerConfig } from './config.ts';
import { jwkSet } from './config.ts';

const largestBytes = 1024 * 1024;
const fetchTimeoutMs = 5000;

/** How often a source is read again. A set older than `freshMs` is read anew; one older than `staleMs` is not used when that fails. */
const pace = {
  url: { freshMs: 300_000, staleMs: 3_600_000, cooldownMs: 30_000 },
  file: { freshMs: 30_000, staleMs: 3_600_000, cooldownMs: 1000 },
} as const;
const failedCooldownMs = 1000;

/** Opens a client for one network: it dials through the egress guard and follows no redirect. Passed in by the composition root. */
export type OpenFetch = (network: PeerNetwork) => { readonly fetch: (url: string, init: object) => Promise<Response> };

/** The key of an issuer for a token's header. Rejects with jose's error when none fits, with `identity_unavailable` when the keys cannot be had. */
export type KeyLookup = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** Keys from the config, a file or a URL. An unknown `kid` has the source read again, at most once in the cooldown. Throws for an unreadable file. */
export function createKeyLookup(
  config: TrustedIssuerConfig,
  { openFetch, now }: { readonly openFetch: OpenFetch; readonly now: () => number },
): KeyLookup {
  if (config.jwks !== undefined) return keySet(config.jwks);
  const { jwks_file: file, jwks_url: url } = config;
  if (url !== undefined) {
    const { fetch } = openFetch(networkOf(config));
    return refreshing(() => fetchSet(url, fetch), { ...pace.url, now, name: url });
  }
  if (file !== undefined) return refreshing(async () => readSet(file), { ...pace.file, now, name: file, first: readSet(file) });
  throw new Error('a trusted issuer without keys');
}

interface Refreshing {
  readonly freshMs: number;
  readonly staleMs: number;
  readonly cooldownMs: number;
  readonly now: () => number;
  readonly name: string;
  readonly first?: KeyLookup;
}

function refreshing(read: () => Promise<KeyLookup>, { freshMs, staleMs, cooldownMs, now, name, first }: Refreshing): KeyLookup {
  let keys = first;
  let readAt = first === undefined ? Number.NEGATIVE_INFINITY : now();
  let triedAt = Number.NEGATIVE_INFINITY;
  let failure: unknown;
  let reading: Promise<void> | undefined;

  async function readOnce(): Promise<void> {
    triedAt = now();
    try {
      keys = await read();
      readAt = now();
    } catch (cause) {
      failure = cause;
    }
  }

  /** Joins a running read; starts one unless the last is too recent. */
  async function refresh(): Promise<void> {
    const waitMs = readAt < triedAt ? failedCooldownMs : cooldownMs;
    if (reading === undefined && now() - triedAt < waitMs) return;
    reading ??= readOnce().finally(() => (reading = undefined));
    await reading;
  }

  return async (header, token) => {
    if (now() - readAt >= freshMs) await refresh();
    if (keys === undefined || now() - readAt >= staleMs) {
      throw new ExeatError('identity_unavailable', `the keys at ${name} cannot be read`, { cause: failure });
    }
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await refresh();
      return await keys(header, token);
    }
  };
}

/** Signing keys of a set only; SPIFFE bundles mark theirs `jwt-svid`. */
function keySet(json: unknown): KeyLookup {
  const keys = jwkSet
    .parse(json)
    .keys.filter(({ use }) => use === undefined || use === 'sig' || use === 'jwt-svid')
    .map((key) => ({ ...key, use: 'sig' }));
  return createLocalJWKSet({ keys });
}

function readSet(file: string): KeyLookup {
  try {
    return keySet(JSON.parse(readPlainFile(file, largestBytes).toString()));
  } catch (cause) {
    throw new Error(`${file} cannot be read as a JWK set`, { cause });
  }
}

function networkOf({ allow_private: allowPrivate, ca, unsafe_cleartext: unsafeCleartext }: TrustedIssuerConfig): PeerNetwork {
  return {
    ...(ca === undefined ? {} : { ca: readPlainFile(ca, largestBytes).toString() }),
    // Clear text is for loopback alone, which is a private range.
    allowPrivate: allowPrivate || unsafeCleartext,
    unsafeCleartext,
    connectTimeoutMs: fetchTimeoutMs,
    headersTimeoutMs: fetchTimeoutMs,
    idleTimeoutMs: fetchTimeoutMs,
  };
}

async function fetchSet(url: string, fetch: ReturnType<OpenFetch>['fetch']): Promise<KeyLookup> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.timeout(fetchTimeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > largestBytes) throw new Error('the key set is too large');
  }
  return keySet(JSON.parse(text));
}
