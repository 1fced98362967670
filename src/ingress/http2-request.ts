import type { ServerHttp2Stream } from 'node:http2';
import type { InboundCall } from '../call.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { isGrpc } from '../grpc.ts';
import { newCallId } from '../ids.ts';
import { Http2Body } from './http2-body.ts';
import type { Inside } from './inside.ts';
import { readInside } from './inside-request.ts';
import { readFields, type RequestContext, type RequestHead } from './request.ts';
import { parseAuthority } from './target.ts';

/** A header block, taken apart: the fields as HTTP/1.1 would have them, with `:authority` as Host and the crumbs of Cookie in one. */
export interface Http2Head extends RequestHead {
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  /** As a field, beside `:authority`. */
  readonly host: string | undefined;
  /** Why it is not a request (RFC 9113 §8.2 and §8.3). */
  readonly problem: string | undefined;
}

/** Connections end here, and so does what is said of them (RFC 9113 §8.2.2). */
const connectionSpecific = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'http2-settings']);

/** Takes a header block apart, `raw` flat as it came. What Node's library has refused before is refused here again: nothing rests on it. */
export function pseudoHeaders(raw: readonly string[]): Http2Head {
  const pseudo: Record<string, string> = {};
  const fields: string[] = [];
  const crumbs: string[] = [];
  let host: string | undefined;
  let problem: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i], raw[i + 1]];
    if (name.startsWith(':')) {
      if (fields.length > 0 || host !== undefined || crumbs.length > 0) problem ??= 'a pseudo-header stands behind a field';
      if (!/^:(?:method|scheme|authority|path)$/.test(name)) problem ??= 'it has a pseudo-header that no request has';
      if (pseudo[name] !== undefined) problem ??= `${name} stands twice`;
      pseudo[name] = value;
      continue;
    }
    if (/[A-Z]/.test(name)) problem ??= 'a field name has upper case';
    if (connectionSpecific.has(name)) problem ??= `${name} does not exist in HTTP/2`;
    if (name === 'te' && value !== 'trailers') problem ??= 'TE says nothing but "trailers" in HTTP/2';
    if (name === 'host' && host !== undefined) problem ??= 'host stands twice';
    if (name === 'host') host = value;
    else if (name === 'cookie') crumbs.push(value);
    else fields.push(name, value);
  }
  const { ':method': method, ':scheme': scheme, ':authority': authority, ':path': path } = pseudo;
  if (crumbs.length > 0) fields.push('cookie', crumbs.join('; '));
  const rawHeaders = ['host', authority ?? host ?? '', ...fields];
  return { method, url: path, httpVersion: '1.1', rawHeaders, scheme, authority, host, problem };
}

/** Turns the head of a stream into a call, or refuses it, by the rules of `readRequest` and those that HTTP/2 adds. */
export function readHttp2(
  stream: ServerHttp2Stream,
  head: Http2Head,
  { inside, context }: { inside: Inside; context: RequestContext },
): InboundCall | Refusal {
  const { method = '', url = '', scheme, authority, host, problem } = head;
  if (problem !== undefined) return malformed(problem);
  // With or without :protocol (RFC 8441): tunnels are not opened inside of tunnels.
  if (method === 'CONNECT' || method === 'TRACE') return refuse('method_refused');
  if (scheme !== inside.end.scheme) return malformed(`:scheme is not ${inside.end.scheme}`);
  if (authority !== undefined && host !== undefined && !isSame(authority, host, inside)) return malformed('host differs from :authority');
  if (!url.startsWith('/')) return malformed(':path is not a path');
  const facts = readFields(head, context.via);
  if (isRefusal(facts)) return facts;
  if (facts.host === '') return malformed('it has no :authority');
  const read = readInside(head, facts, { inside, context });
  if (isRefusal(read)) return read;
  if (facts.passedHere) return refuse('loop_detected');
  const grpc = method === 'POST' && isGrpc(contentTypeIn(head.rawHeaders));
  const hasBody = !stream.endAfterHeaders && facts.bodyLength !== 0;
  return {
    id: newCallId(),
    ...read,
    method,
    headers: head.rawHeaders,
    nominated: undefined,
    body: hasBody ? new Http2Body(stream) : undefined,
    bodyLength: facts.bodyLength,
    expectsContinue: facts.expect !== undefined && hasBody,
    acceptsTrailers: facts.acceptsTrailers || grpc,
    objection: read.objection,
    closes: false,
    grpc,
    receivedAt: Date.now(),
  };
}

function contentTypeIn(fields: readonly string[]): string {
  const at = fields.findIndex((text, i) => i % 2 === 0 && text === 'content-type');
  return at === -1 ? '' : (fields[at + 1] ?? '');
}

/** As RFC 9113 §8.3.1 wants them: the same, after the scheme's own port. */
function isSame(one: string, other: string, { end }: Inside): boolean {
  if (one === other) return true;
  const [a, b] = [parseAuthority(one, end.scheme), parseAuthority(other, end.scheme)];
  return !isRefusal(a) && !isRefusal(b) && a.host === b.host && a.port === b.port;
}

function malformed(why: string): Refusal {
  return refuse('malformed_request', { detail: `The request could not be read one way only: ${why}.` });
}
