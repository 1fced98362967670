import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';

/** Why TLS with a client did not come about. `unused`: it did, and the client left without a word. */
export type TlsFailure = 'untrusted' | 'no_common_protocol' | 'no_common_version' | 'silent' | 'closed' | 'unused' | 'other';

/** What is spoken inside of an intercepted tunnel, in our order of preference. */
const alpnProtocols = ['h2', 'http/1.1'];

const handshakeTimeoutMs = 30_000;

/** OpenSSL's names of what went wrong; alerts are what the client said of us. */
const failures: readonly [pattern: RegExp, failure: TlsFailure][] = [
  [/ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED)/, 'untrusted'],
  [/NO_APPLICATION_PROTOCOL/, 'no_common_protocol'],
  [/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW|NO_SHARED_CIPHER|NO_SUITABLE|INSUFFICIENT_SECURITY/, 'no_common_version'],
  [/^(?:ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE)$/, 'closed'],
];

export interface TlsOutcome {
  /** Called in the moment in which the handshake is done, so that whoever reads next misses nothing. */
  readonly secured: (socket: TLSSocket) => void;
  readonly failed: (failure: TlsFailure) => void;
}

/** Speaks TLS with a client, as the server. What the socket has buffered is read first. */
export function speakTls(socket: Socket, secureContext: SecureContext, { secured, failed }: TlsOutcome): void {
  const tls = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: alpnProtocols });
  let over = false;
  const fail = (failure: TlsFailure) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    failed(failure);
  };
  const timer = setTimeout(() => {
    fail('silent');
    tls.destroy();
  }, handshakeTimeoutMs).unref();
  tls.on('error', (error) => fail(failureOf(error)));
  // Without a tls.Server nobody passes on what goes wrong after the handshake: Node tells it by this event alone.
  tls.on('_tlsError', () => tls.destroy());
  tls.once('close', () => fail('closed'));
  // Like its connection it may be half open, but not before there is something to say.
  const end = () => void tls.destroy();
  tls.once('end', end);
  tls.once('secure', () => {
    tls.off('end', end);
    over = true;
    clearTimeout(timer);
    // As a tls.Server would: HTTP/2 waits for it.
    Object.assign(tls, { secureConnecting: false });
    // RFC 9113 §9.2.1 forbids it, and nobody needs it.
    tls.disableRenegotiation();
    secured(tls);
  });
}

/** Ends a tunnel in which TLS was begun, in the words of TLS (RFC 8446 §6): so that the client says why it failed. */
export function endWithAlert(socket: Socket, alert: 'decode_error' | 'internal_error'): void {
  const [fatal, code] = [2, alert === 'decode_error' ? 50 : 80];
  socket.end(Buffer.from([21, 3, 3, 0, 2, fatal, code]), () => socket.destroy());
}

function failureOf(error: Error): TlsFailure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return failures.find(([pattern]) => pattern.test(code))?.[1] ?? 'other';
}
