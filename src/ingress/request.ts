import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Bound, InboundCall } from '../call.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { fieldName, mayBeNominated, type Field } from '../fields.ts';
import { newCallId } from '../ids.ts';
import { isForeignPage, type PageFields } from './foreign-page.ts';
import type { Inside } from './inside.ts';
import { readInside, targetOf } from './inside-request.ts';
import { parseTarget, type TargetContext } from './target.ts';

/** What one pass over the header section finds. */
export interface HeadFacts extends PageFields {
  host: string;
  presentedForward: string | undefined;
  presentedRoute: string | undefined;
  bodyLength: number | undefined;
  chunked: boolean;
  expect: string | undefined;
  acceptsTrailers: boolean;
  nominated: Set<string> | undefined;
  passedHere: boolean;
  offersUpgrade: boolean;
  websocket: boolean;
}

export interface RequestContext extends TargetContext {
  /** The value of our own `Via` entry, unguessable: a request that carries it has been here before. */
  readonly via: string;
  /** Where the listener is a task: what the connection belongs to. */
  readonly bound?: ((socket: Socket) => Bound) | undefined;
  /** The server has taken its hands off the connection for this request: a WebSocket handshake may stand in it. */
  readonly upgrading?: boolean;
}

/** What these readers need of a request, in whatever version of HTTP it came. */
export type RequestHead = Pick<IncomingMessage, 'url' | 'method' | 'rawHeaders' | 'httpVersion'>;

/** Which header may carry the task on a route; a lower rank wins, so `Exeat-Task` before what a client sends anyway. */
const routeCredentialRank: Readonly<Record<string, number>> = { 'exeat-task': 1, authorization: 2, 'x-api-key': 3, 'api-key': 4 };
export const routeCredentialFields: readonly string[] = Object.keys(routeCredentialRank);

/**
 * Turns a parsed HTTP/1.1 request into a call, or refuses it: doubled singletons, `Connection` nominations of end-to-end fields, transfer
 * codings other than chunked, and all that parseTarget refuses. Node's parser has refused the rest (conflicting lengths, obs-fold, bare LF, …).
 */
export function readRequest(request: IncomingMessage, context: RequestContext, inside?: Inside): InboundCall | Refusal {
  const facts = readFields(request, context.via);
  if (isRefusal(facts)) return facts;
  if (facts.host === '') return malformed('it has no Host');
  if (facts.websocket && context.upgrading !== true) return refuse('upgrade_refused');
  if (inside !== undefined) {
    const read = readInside(request, facts, { inside, context });
    return isRefusal(read) ? read : callOf(request, facts, read);
  }
  const requested = parseTarget(targetOf(request, facts), facts.host, context);
  if (isRefusal(requested)) return requested;
  const { door } = requested;
  if (door === 'forward' && facts.presentedRoute?.startsWith('exeat-task '))
    return malformed('Exeat-Task is for routes only; the proxy takes the task from the proxy URL');
  const presented = door === 'forward' ? facts.presentedForward : facts.presentedRoute?.slice(facts.presentedRoute.indexOf(' ') + 1);
  return callOf(request, facts, {
    caller: {
      door,
      presented,
      remoteAddress: request.socket.remoteAddress ?? '',
      foreignPage: isForeignPage(facts, door, context),
      bound: context.bound?.(request.socket),
    },
    requested,
    objection: undefined,
  });
}

function callOf(
  request: IncomingMessage,
  facts: HeadFacts,
  { caller, requested, objection }: Pick<InboundCall, 'caller' | 'requested' | 'objection'>,
): InboundCall | Refusal {
  if (facts.passedHere) return refuse('loop_detected');
  const method = request.method ?? '';
  if (method === 'TRACE' || method === 'CONNECT') return refuse('method_refused');
  const hasBody = facts.chunked || (facts.bodyLength ?? 0) > 0;
  return {
    id: newCallId(),
    caller,
    method,
    requested,
    headers: request.rawHeaders,
    nominated: facts.nominated,
    body: hasBody ? request : undefined,
    bodyLength: facts.bodyLength,
    expectsContinue: facts.expect !== undefined && hasBody && request.httpVersion === '1.1',
    acceptsTrailers: facts.acceptsTrailers,
    objection,
    closes: facts.offersUpgrade,
    receivedAt: Date.now(),
  };
}

/** Reads and checks what is common to all requests. An absent Host is ''. */
export function readFields(request: RequestHead, via: string): HeadFacts | Refusal {
  const raw = request.rawHeaders;
  // Node's parser takes 0.9 and 2.0 for versions that are written like this.
  if (request.httpVersion !== '1.1' && request.httpVersion !== '1.0') return malformed('it is neither HTTP/1.1 nor HTTP/1.0');
  const facts: HeadFacts = {
    host: '',
    presentedForward: undefined,
    presentedRoute: undefined,
    bodyLength: undefined,
    chunked: false,
    expect: undefined,
    acceptsTrailers: false,
    nominated: undefined,
    passedHere: false,
    offersUpgrade: false,
    origin: undefined,
    fetchSite: undefined,
    websocket: false,
  };
  const seen: Field[] = [];
  let routeRank = 9;
  for (let i = 0; i < raw.length; i += 2) {
    const { lower: name, field, twin } = fieldName(raw[i] ?? '');
    if (field === undefined) continue;
    const value = raw[i + 1] ?? '';
    if (field.refuse && twin) return malformed(`${name} is spelt with "_", which some origins read as "-"`);
    if (field.refuse) return malformed(`${name} changes the request behind policy's back; send the real method and target`);
    if (field.once) {
      if (seen.includes(field)) return malformed(`${name} stands twice`);
      seen.push(field);
    }
    if (twin) continue;
    const rank = routeCredentialRank[name];
    if (rank !== undefined && rank < routeRank) {
      routeRank = rank;
      facts.presentedRoute = `${name} ${value}`;
    }
    if (name === 'via') facts.passedHere ||= value.includes(via);
    const refusal = readField(name, value, facts);
    if (refusal !== undefined) return refusal;
  }
  if (facts.chunked && request.httpVersion !== '1.1') return malformed('Transfer-Encoding does not exist in HTTP/1.0');
  if (facts.chunked && facts.bodyLength !== undefined) return malformed('it has both Content-Length and Transfer-Encoding');
  return facts;
}

function readField(name: string, value: string, facts: HeadFacts): Refusal | undefined {
  switch (name) {
    case 'host':
      facts.host = value;
      return undefined;
    case 'proxy-authorization':
      facts.presentedForward = value;
      return undefined;
    case 'content-length':
      if (!/^\d{1,15}$/.test(value)) return malformed('Content-Length is not a number');
      facts.bodyLength = Number(value);
      return undefined;
    case 'transfer-encoding':
      facts.chunked = value.toLowerCase() === 'chunked';
      return facts.chunked ? undefined : refuse('transfer_coding_refused');
    case 'expect':
      facts.expect = value;
      return value.toLowerCase() === '100-continue' ? undefined : refuse('expectation_failed');
    case 'origin':
      facts.origin = value;
      return undefined;
    case 'sec-fetch-site':
      facts.fetchSite = value;
      return undefined;
    case 'te':
      facts.acceptsTrailers = /(?:^|,)\s*trailers\s*(?:,|;|$)/i.test(value);
      return undefined;
    case 'connection':
    case 'proxy-connection':
      return readNominations(value, facts);
    case 'upgrade':
      // An offer that is not taken leaves a plain request, but Node's parser drops what has come in one piece with it.
      facts.offersUpgrade = true;
      facts.websocket ||= /\bwebsocket\b/i.test(value);
      return undefined;
    default:
      return undefined;
  }
}

/** An agent could name a field that we add later, or rely on, so that the next hop drops it (RFC 9110 §7.6.1). */
function readNominations(value: string, facts: HeadFacts): Refusal | undefined {
  if (value === 'keep-alive' || value === 'Keep-Alive' || value === 'close') return undefined;
  facts.nominated ??= new Set();
  for (const token of value.split(',')) {
    const name = fieldName(token.trim());
    const { lower } = name;
    if (lower === '' || lower === 'close') continue;
    if (!mayBeNominated(name))
      return malformed(`Connection names ${/^[a-z-]{1,40}$/.test(lower) ? lower : 'a field'}, which is end-to-end`);
    facts.nominated.add(lower);
  }
  return undefined;
}

function malformed(why: string): Refusal {
  return refuse('malformed_request', { detail: `The request could not be read one way only: ${why}.` });
}
