import type { IncomingMessage } from 'node:http';
import type { ConnectCall } from '../call.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { newCallId } from '../ids.ts';
import { readFields, type RequestContext } from './request.ts';
import { parseAuthority, readTunnelTarget } from './target.ts';

/**
 * Reads a CONNECT (RFC 9110 §9.3.6): `host:port` in one spelling, the same in Host, no body and no field that belongs elsewhere. As a call it has
 * no path; the scheme is found with the destination.
 */
export function readConnect(request: IncomingMessage, context: RequestContext): ConnectCall | Refusal {
  const facts = readFields(request, context.via);
  if (isRefusal(facts)) return facts;
  const authority = readTunnelTarget(request.url ?? '');
  if (isRefusal(authority)) return authority;
  // HTTP/1.0 has no Host, and clients that still send CONNECT in it leave it out.
  if (facts.host !== '' || request.httpVersion !== '1.0') {
    const named = parseAuthority(facts.host, authority.port === 80 ? 'http' : 'https');
    if (isRefusal(named)) return named;
    if (named.host !== authority.host || named.port !== authority.port) return malformed('the Host field differs from the target');
  }
  if (facts.chunked || (facts.bodyLength ?? 0) > 0) return malformed('it has a body');
  if (facts.offersUpgrade) return malformed('it offers an upgrade');
  if (facts.expect !== undefined) return malformed('it has no body to be expected');
  if (facts.presentedRoute?.startsWith('exeat-task ')) return malformed('the proxy takes the task from the proxy URL, not from Exeat-Task');
  if (facts.passedHere) return refuse('loop_detected');
  return {
    id: newCallId(),
    caller: {
      door: 'forward',
      presented: facts.presentedForward,
      remoteAddress: request.socket.remoteAddress ?? '',
      // No page can send one.
      foreignPage: false,
      bound: context.bound?.(request.socket),
    },
    method: 'CONNECT',
    requested: { door: 'tunnel', scheme: 'https', ...authority, path: '', query: '', encodedReserved: false },
    headers: [],
    nominated: undefined,
    body: undefined,
    bodyLength: undefined,
    expectsContinue: false,
    acceptsTrailers: false,
    objection: undefined,
    closes: true,
    receivedAt: Date.now(),
  };
}

function malformed(why: string): Refusal {
  return refuse('malformed_request', { detail: `The CONNECT could not be read one way only: ${why}.` });
}
