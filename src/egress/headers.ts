import type { InboundCall } from '../call.ts';
import type { Credential } from '../credentials/credential.ts';
import type { Target } from '../destination.ts';
import { ExeatError } from '../errors.ts';
import { fieldName, plainProtocols, protocolsField } from '../fields.ts';
import { askSearchably } from './guarded-head.ts';

/** The outgoing header list, and the names of the agent's own credentials that were left out. */
export interface OutgoingHeaders {
  readonly headers: string[];
  readonly removed: readonly string[];
}

/** What Exeat adds to a request, and how it asks for an answer that will be searched: undefined, as the agent does. */
export interface Added {
  readonly via: string;
  readonly credential: Credential | undefined;
  readonly search?: { readonly ranges: () => boolean } | undefined;
  /** The answer is asked for whole, in no content coding. */
  readonly readsAnswer?: boolean | undefined;
}

const nothingRemoved: readonly string[] = Object.freeze([]);

/**
 * Builds the request's header section anew (RFC 9110 §7.6): hop-by-hop fields and those named in `Connection` stay, the agent's own credentials
 * are removed, then Host, Via and the credential are added, so that nothing the agent sent can shadow or drop them.
 */
export function requestHeaders(call: InboundCall, target: Target, added: Added): OutgoingHeaders {
  const { destination } = target;
  const raw = call.headers;
  const { nominated } = call;
  const headers: string[] = ['host', authorityOf(target)];
  let removed: string[] | undefined;
  let asks: number[] | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const { lower, field } = fieldName(name);
    if (nominated?.has(lower) === true) continue;
    if (field === undefined) {
      if (!isExeatField(lower) && !injects(added.credential, lower)) headers.push(name, raw[i + 1] ?? '');
      continue;
    }
    if (field.hop || field.strip || lower === 'host' || lower === 'expect') continue;
    if (field.asks && added.readsAnswer === true) continue;
    let value = raw[i + 1] ?? '';
    if (field.credential || injects(added.credential, lower)) {
      const kept = destination.keepHeaders.has(lower) || (destination.passCookies && lower === 'cookie');
      if (!kept || injects(added.credential, lower) || carriesTask(call, value)) {
        removed ??= [];
        if (!removed.includes(lower)) removed.push(lower);
        continue;
      }
    }
    if (lower === protocolsField && !destination.keepHeaders.has(lower)) {
      const plain = plainProtocols(value);
      if (plain !== value) (removed ??= []).push(lower);
      if (plain === '') continue;
      value = plain;
    }
    if (field.asks && added.search !== undefined) (asks ??= []).push(headers.length);
    headers.push(name, value);
  }
  if (asks !== undefined && added.search !== undefined) askSearchably(headers, asks, added.search.ranges());
  if (call.acceptsTrailers) headers.push('te', 'trailers');
  if (added.readsAnswer === true) headers.push('accept-encoding', 'identity');
  headers.push('via', added.via);
  if (added.credential !== undefined) for (const [name, value] of added.credential.headers) headers.push(name, value.reveal());
  return { headers, removed: removed ?? nothingRemoved };
}

export type ResponseFields = Readonly<Record<string, string | string[] | undefined>>;

/** The answer's header section, flat: without hop-by-hop fields, `Alt-Svc`, foreign `Exeat-*` and `Proxy-Status: exeat`; on routes, without HSTS and with `Location` rewritten. */
export function responseHeaders(fields: ResponseFields, target: Target, onRoute: boolean): string[] {
  const headers: string[] = [];
  const { connection, 'transfer-encoding': coding } = fields;
  // The client would be given the coded bytes without the field that says so.
  if (coding !== undefined && (typeof coding !== 'string' || coding.toLowerCase() !== 'chunked'))
    throw new ExeatError('upstream_coding_refused');
  const nominated = connection === undefined ? undefined : nominatedFields(String(connection));
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined || nominated?.has(name) === true) continue;
    if (fieldName(name).field?.hop === true) continue;
    if (droppedFromResponses.has(name) || isExeatField(name)) continue;
    if (onRoute && name === 'strict-transport-security') continue;
    if (name === 'set-cookie' && !target.destination.passCookies) continue;
    if (typeof value === 'string') pushField(headers, { name, value, target, onRoute });
    else for (const each of value) pushField(headers, { name, value: each, target, onRoute });
  }
  headers.push('via', '1.1 exeat');
  return headers;
}

/** Trailers that may pass: nothing that frames, routes or authenticates (RFC 9110 §6.5.1). */
export function responseTrailers(fields: ResponseFields): [string, string][] {
  const trailers: [string, string][] = [];
  for (const name in fields) {
    const value = fields[name];
    if (
      value === undefined ||
      fieldName(name).field !== undefined ||
      isExeatField(name) ||
      droppedFromResponses.has(name) ||
      neverTrailers.test(name)
    )
      continue;
    for (const each of typeof value === 'string' ? [value] : value) trailers.push([name, each]);
  }
  return trailers;
}

const droppedFromResponses = new Set(['alt-svc', 'alt-used', 'proxy-authenticate', 'proxy-connection']);
const neverTrailers =
  /^(?:content-|cache-control$|age$|expires$|set-cookie$|location$|retry-after$|vary$|www-authenticate$|proxy-|pragma$|range$|if-)/;

function pushField(headers: string[], field: { name: string; value: string; target: Target; onRoute: boolean }): void {
  const { name, value, target, onRoute } = field;
  if (name === 'proxy-status') {
    const foreign = foreignMembers(value);
    if (foreign !== '') headers.push(name, foreign);
  } else if (onRoute && (name === 'location' || name === 'content-location')) headers.push(name, locationOnRoute(value, target));
  else headers.push(name, value);
}

/** What of a Proxy-Status (RFC 9209 §2) is not said in our name, also to a client that knows no quoted strings. */
function foreignMembers(value: string): string {
  // A list that cannot be read is none (RFC 9651 §4.2).
  if (!/^(?:"(?:[^"\\]|\\.)*"|[^"])*$/.test(value)) return '';
  const members = value.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? [];
  return members
    .filter((member) => !member.split(',').some((part) => /^\s*"?exeat"?\s*(?:;|$)/i.test(part)))
    .join(',')
    .trim();
}

/** A redirect within the destination is told as a path on the route. One that leads out of it must not become another path of ours: it is told with its host. */
function locationOnRoute(value: string, target: Target): string {
  const { destination, path } = target;
  const { route = '', basePath, scheme } = destination;
  const own = `${scheme}://${authorityOf(target)}`;
  const resolved = URL.parse(value, own + path);
  if (resolved === null) return value;
  const { origin, pathname, search, hash } = resolved;
  if (origin !== own) return /^[a-z][a-z\d+.-]*:/i.test(value) ? value : resolved.href;
  const isInside = pathname === basePath || pathname.startsWith(`${basePath}/`);
  return `${isInside ? route + pathname.slice(basePath.length) : own + pathname}${search}${hash}`;
}

function authorityOf({ host, destination: { scheme, port } }: Target): string {
  return port === (scheme === 'https' ? 443 : 80) ? host : `${host}:${port}`;
}

function injects(credential: Credential | undefined, name: string): boolean {
  if (credential !== undefined) for (const header of credential.headers) if (header[0] === name) return true;
  return false;
}

/** On a route the task stands in a field that clients send anyway; `unsafe_keep` is not meant for that one. */
function carriesTask({ caller: { door, presented } }: InboundCall, value: string): boolean {
  return door === 'route' && presented !== undefined && lastWord(value) === lastWord(presented);
}

function lastWord(text: string): string {
  return text.slice(text.lastIndexOf(' ') + 1);
}

function isExeatField(name: string): boolean {
  return name.charCodeAt(0) === 0x65 && name.startsWith('exeat-');
}

function nominatedFields(connection: string): Set<string> | undefined {
  if (connection === 'keep-alive' || connection === 'close') return undefined;
  return new Set(connection.split(',').map((token) => token.trim().toLowerCase()));
}
