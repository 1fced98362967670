import { ExeatError, type ErrorCode } from '../errors.ts';

const byCode: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  ETIMEDOUT: 'connect_timeout',
  UND_ERR_HEADERS_TIMEOUT: 'upstream_timeout',
  UND_ERR_BODY_TIMEOUT: 'upstream_stalled',
  UND_ERR_SOCKET: 'upstream_broken',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'upstream_broken',
  ECONNRESET: 'upstream_broken',
  EPIPE: 'upstream_broken',
  ECONNREFUSED: 'connect_failed',
  EHOSTUNREACH: 'connect_failed',
  ENETUNREACH: 'connect_failed',
  EADDRNOTAVAIL: 'connect_failed',
  ENOTFOUND: 'dns_failed',
  EAI_AGAIN: 'dns_failed',
  UND_ERR_HEADERS_OVERFLOW: 'upstream_malformed',
  // The client's own, where it did not foresee what it was sent.
  ERR_ASSERTION: 'upstream_malformed',
  ERR_INVALID_CHAR: 'upstream_malformed',
  ERR_HTTP_INVALID_HEADER_VALUE: 'upstream_malformed',
  ERR_HTTP_INVALID_STATUS_CODE: 'upstream_malformed',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'client_gone',
  UND_ERR_DESTROYED: 'shutting_down',
  UND_ERR_CLOSED: 'shutting_down',
};

/** Which of our codes an error of the network, of TLS or of the HTTP client stands for. `headless`: the head of the answer was not there yet. */
export function failureCode(error: unknown, headless = true): ErrorCode {
  if (error instanceof ExeatError) return error.code;
  if (error instanceof AggregateError && error.errors.length > 0) return failureCode(error.errors[0], headless);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  // The client blames a length that it has read for whatever it cannot read behind it.
  if (headless && code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return 'upstream_malformed';
  // "bad upgrade" and "bad response", which nobody asked for; else the connection broke.
  if (code === 'UND_ERR_SOCKET' && error instanceof Error && error.message.startsWith('bad ')) return 'upstream_malformed';
  const known = byCode[code];
  if (known !== undefined) return known;
  // The parser's errors have lost their codes in undici 8.
  if (error instanceof Error && error.name === 'HTTPParserError')
    return /EOF/.test(error.message) ? 'upstream_broken' : 'upstream_malformed';
  if (/^(?:ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CRL_|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH|ERROR_IN_C)/.test(code))
    return 'tls_failed';
  if (/^(?:ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO$)/.test(code)) return 'tls_handshake_failed';
  return error instanceof Error && error.cause !== undefined ? failureCode(error.cause, headless) : 'upstream_broken';
}
