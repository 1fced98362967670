import { type ErrorCode, ExeatError } from '../errors.ts';

/** The `error` member of an error reply, in the alphabet that the specifications use: never free text of the authority. */
export function oauthErrorOf(text: string): string | undefined {
  const found = jsonObject(text)?.['error'];
  return typeof found === 'string' && /^[a-z_]{1,50}$/.test(found) ? found : undefined;
}

/** The JSON object in a text; undefined when it is anything else. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds of a Retry-After field (RFC 9110 §10.2.3), a number or a date; undefined when there is none to go by. */
export function retryAfterS(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - now) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

const beforeTheWire = new Set([
  'OAUTH_MISSING_SERVER_METADATA',
  'OAUTH_INVALID_SERVER_METADATA',
  'OAUTH_HTTP_REQUEST_FORBIDDEN',
  'OAUTH_REQUEST_PROTOCOL_FORBIDDEN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

const neverDialled: ReadonlySet<ErrorCode> = new Set([
  'address_prohibited',
  'own_listener',
  'dns_failed',
  'connect_failed',
  'connect_timeout',
  'tls_failed',
  'upstream_proxy_unreachable',
  'upstream_proxy_prohibited',
  'upstream_proxy_timeout',
  'upstream_proxy_tls_failed',
  'upstream_proxy_authentication_failed',
  'upstream_proxy_refused',
  'upstream_proxy_malformed',
  'identity_unavailable',
  'credential_unavailable',
]);

/** The failure came before the peer could have heard the request: a refusal to ask or to dial, or a dial that failed. */
export function neverSent(error: unknown): boolean {
  return chainOf(error).some(
    (each) => (each instanceof ExeatError && neverDialled.has(each.code)) || beforeTheWire.has(codeOf(each) ?? ''),
  );
}

/** What went wrong, without the text of a foreign failure and without its cause: both may quote a token. */
export function reasonOf(error: unknown): string {
  const chain = chainOf(error);
  const ours = chain.find((each) => each instanceof ExeatError);
  if (ours !== undefined) return ours.message;
  const timeout = chain.find((each) => each.name === 'TimeoutError' || each.name === 'AbortError');
  if (timeout !== undefined) return 'no answer in time';
  return chain.map(codeOf).find((code) => code !== undefined) ?? chain[0]?.name ?? 'unknown failure';
}

function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let next = error; next instanceof Error && chain.length < 5; next = next.cause) chain.push(next);
  return chain;
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
