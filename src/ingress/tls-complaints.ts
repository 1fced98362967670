import type { ErrorCode } from '../errors.ts';
import type { OperatorLog } from '../log.ts';
import type { TlsFailure } from './client-tls.ts';

export interface TlsComplaintsDeps {
  readonly log: Pick<OperatorLog, 'warn'>;
  /** Counts it for the audit. */
  readonly refused: (code: ErrorCode) => void;
  /** Counts it for the metrics. */
  readonly count: (failure: TlsFailure) => void;
  readonly now?: () => number;
}

interface Row {
  readonly message: string;
  /** undefined: nothing was refused. */
  readonly code: ErrorCode | undefined;
}

const trust = 'set its trust variables (`exeat ca env` prints them), or give its trust store the published ca.pem';
const rows: Readonly<Record<TlsFailure, Row>> = {
  untrusted: { message: `the agent does not trust Exeat's CA: ${trust}`, code: 'client_tls_untrusted' },
  unused: {
    message: `the agent opened TLS and left without a request; if its calls fail, it does not trust Exeat's CA: ${trust}`,
    code: undefined,
  },
  no_common_protocol: { message: 'the agent speaks no application protocol that Exeat does (ALPN)', code: 'client_tls_failed' },
  no_common_version: { message: 'the agent speaks no TLS version or cipher that Exeat does (1.2 and 1.3)', code: 'client_tls_failed' },
  silent: { message: 'the agent did not finish its TLS handshake in time', code: 'client_tls_failed' },
  closed: {
    message: `the agent closed during its TLS handshake; some clients do so when they do not trust the CA: ${trust}`,
    code: 'client_gone',
  },
  other: { message: 'the TLS handshake with the agent failed', code: 'client_tls_failed' },
};

/** One line per reason in this time; the next one says how many there were meanwhile. */
const quietMs = 60_000;

/** Tells operators why intercepted TLS does not come about: a client that does not trust our CA cannot be told anything else. */
export function createTlsComplaints({
  log,
  refused,
  count,
  now = Date.now,
}: TlsComplaintsDeps): (failure: TlsFailure, host: string) => void {
  const said = new Map<TlsFailure, { at: number; since: number }>();
  return (failure, host) => {
    const { message, code } = rows[failure];
    count(failure);
    if (code !== undefined) refused(code);
    const last = said.get(failure);
    if (last !== undefined && now() - last.at < quietMs) {
      last.since += 1;
      return;
    }
    said.set(failure, { at: now(), since: 0 });
    log.warn({ host, failure, ...(last === undefined || last.since === 0 ? {} : { unreported: last.since }) }, message);
  };
}
