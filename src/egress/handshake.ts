import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { InboundCall } from '../call.ts';
import type { Target } from '../destination.ts';
import { ExeatError } from '../errors.ts';
import { responseHeaders, type ResponseFields } from './headers.ts';
import type { GuardedReply } from './reflection.ts';
import { WebSocketRelay, type RelayEnd } from './relay.ts';

export interface Switched {
  readonly call: InboundCall;
  readonly target: Target;
  /** Of the destination's 101. */
  readonly fields: ResponseFields;
  /** Of what is passed of them. */
  readonly guarded: GuardedReply | undefined;
  readonly ended: (end: RelayEnd) => void;
}

/**
 * The destination has switched protocols and undici has let go of the connection: passes the answer on and relays. Throws `upstream_malformed` for a
 * 101 that does not take this very handshake (RFC 6455 §4.1), since what follows it may be an answer to somebody else.
 */
export function switchToRelay(destination: Duplex, { call, target, fields, guarded, ended }: Switched): WebSocketRelay {
  destination.on('error', () => {});
  // A stream that is asked for what is readable does not flow.
  destination.removeAllListeners('readable');
  const { upgrade } = call;
  if (upgrade === undefined || !isAccepted(fields, upgrade.key)) throw new ExeatError('upstream_malformed');
  const passed = responseHeaders(fields, target, call.caller.door === 'route');
  guarded?.mask(passed);
  const client = upgrade.switchProtocols(switchingHeaders(passed));
  return new WebSocketRelay({ client, destination, idleTimeoutMs: target.destination.idleTimeoutMs, ended });
}

function isAccepted({ upgrade, 'sec-websocket-accept': accept }: ResponseFields, key: string): boolean {
  const expected = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return typeof upgrade === 'string' && upgrade.toLowerCase() === 'websocket' && accept === expected;
}

/** The fields of our own 101: what may pass of the destination's, and this hop's. There is no body, so nothing frames one. */
function switchingHeaders(passed: readonly string[]): string[] {
  const headers = ['connection', 'Upgrade', 'upgrade', 'websocket'];
  for (let i = 0; i < passed.length; i += 2) {
    const [name = '', value = ''] = passed.slice(i, i + 2);
    if (name !== 'content-length') headers.push(name, value);
  }
  return headers;
}
