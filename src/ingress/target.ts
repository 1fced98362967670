import type { Requested } from '../call.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { canonicalPath, checkedQuery } from './path.ts';

/** What the target parser must know about the listener it serves. */
export interface TargetContext {
  /** `host:port` spellings of our own proxy listener: an absolute-form target that names one is a route, and a path is one only with such a Host. */
  readonly ownAuthorities: ReadonlySet<string>;
}

const name = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*$/;
const dottedQuad = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/**
 * Reads a request target (RFC 9112 §3.2): absolute-form is the forward door, origin-form a route. Refuses user-info, fragments, other
 * schemes, and every spelling of a host that could be read as another one.
 */
export function parseTarget(raw: string, host: string, context: TargetContext): Requested | Refusal {
  if (raw.startsWith('/')) return isOwn(host, context) ? route(raw) : malformed('Host must name this listener, or the target be a URL');
  const url = splitUrl(raw);
  if (isRefusal(url)) return url;
  const { scheme, authority } = url;
  if (!sameAuthority(host, authority, scheme)) return malformed('the Host field differs from the target');
  const pathAndQuery = splitQuery(url.rest);
  if (isRefusal(pathAndQuery)) return pathAndQuery;
  if (context.ownAuthorities.has(`${authority.host}:${authority.port}`)) return { door: 'route', ...pathAndQuery };
  return { door: 'forward', scheme, ...authority, ...pathAndQuery };
}

export interface Authority {
  readonly host: string;
  readonly port: number;
}

/** Where a tunnel leads, and what is spoken inside of it. */
export interface TunnelEnd extends Authority {
  readonly scheme: 'http' | 'https';
}

/** The target of a CONNECT (RFC 9112 §3.2.3): both host and port, and one spelling of each. */
export function readTunnelTarget(raw: string): Authority | Refusal {
  return /:\d+$/.test(raw) ? parseAuthority(raw, 'https') : malformed('the target must be host:port');
}

/** Reads a target inside a tunnel: a path, or a URL. `misdirected`: URL or Host name something else than the tunnel leads to. */
export function parseInnerTarget(
  raw: string,
  host: string,
  { scheme, ...end }: TunnelEnd,
): { readonly requested: Requested; readonly misdirected: boolean } | Refusal {
  const url = raw.startsWith('/') ? { scheme, authority: end, rest: raw } : splitUrl(raw);
  if (isRefusal(url)) return url;
  const named = parseAuthority(host, scheme);
  if (isRefusal(named)) return named;
  const pathAndQuery = splitQuery(url.rest);
  if (isRefusal(pathAndQuery)) return pathAndQuery;
  const misdirected = url.scheme !== scheme || !isSame(url.authority, end) || !isSame(named, end);
  return { requested: { door: 'tunnel', scheme, ...end, ...pathAndQuery }, misdirected };
}

interface SplitUrl {
  readonly scheme: 'http' | 'https';
  readonly authority: Authority;
  /** Path and query. */
  readonly rest: string;
}

function splitUrl(raw: string): SplitUrl | Refusal {
  const scheme = /^https?(?=:\/\/)/i.exec(raw)?.[0].toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return malformed('the target must be an http:// or https:// URL, or a path');
  const start = scheme.length + 3;
  const end = endOfAuthority(raw, start);
  const authority = parseAuthority(raw.slice(start, end), scheme);
  if (isRefusal(authority)) return authority;
  const rest = end === raw.length ? '/' : raw.slice(end);
  return { scheme, authority, rest: rest.startsWith('?') ? `/${rest}` : rest };
}

/** Agents call few hosts, and each call names its host twice. */
const authorities = { http: new Map<string, Authority>(), https: new Map<string, Authority>() };
const maxAuthorities = 1024;

/** Without a port it is the scheme's own. */
export function parseAuthority(raw: string, scheme: 'http' | 'https'): Authority | Refusal {
  const known = authorities[scheme];
  const seen = known.get(raw);
  if (seen !== undefined) return seen;
  const authority = readAuthority(raw, scheme);
  if (isRefusal(authority)) return authority;
  if (known.size >= maxAuthorities) known.clear();
  known.set(raw, authority);
  return authority;
}

/** Host and port of an authority without user-info. The host comes back in lower case; names and canonical IP literals only. */
function readAuthority(raw: string, scheme: 'http' | 'https'): Authority | Refusal {
  const match = /^(\[[^\]@]*\]|[^:@[\]]*)(?::(\d{1,5}))?$/.exec(raw);
  const host = match?.[1]?.toLowerCase() ?? '';
  if (match === null || !isPlainHost(host)) return malformed('the host is not a plain DNS name or IP address');
  const port = match[2] === undefined ? (scheme === 'https' ? 443 : 80) : Number(match[2]);
  if (port < 1 || port > 65_535 || match[2]?.startsWith('0') === true) return malformed('the port is not valid');
  return { host, port };
}

/** A web page can make a name of its own resolve to this listener; it cannot make its browser say another name. */
function isOwn(host: string, { ownAuthorities }: TargetContext): boolean {
  if (ownAuthorities.has(host)) return true;
  const named = parseAuthority(host, 'http');
  return !isRefusal(named) && ownAuthorities.has(`${named.host}:${named.port}`);
}

function route(raw: string): Requested | Refusal {
  const pathAndQuery = splitQuery(raw);
  return isRefusal(pathAndQuery) ? pathAndQuery : { door: 'route', ...pathAndQuery };
}

function splitQuery(raw: string): { path: string; query: string; encodedReserved: boolean } | Refusal {
  const mark = raw.indexOf('?');
  const canonical = canonicalPath(mark === -1 ? raw : raw.slice(0, mark));
  if (isRefusal(canonical)) return canonical;
  const query = checkedQuery(mark === -1 ? '' : raw.slice(mark));
  if (typeof query !== 'string') return query;
  return { path: canonical.path, query, encodedReserved: canonical.encodedReserved };
}

function endOfAuthority(raw: string, start: number): number {
  for (let i = start; i < raw.length; i += 1) {
    const code = raw.charCodeAt(i);
    if (code === 0x2f || code === 0x3f || code === 0x23 || code === 0x5c) return i;
  }
  return raw.length;
}

/** RFC 9112 §3.2.2 lets the target win over Host; a client that sends two different ones is refused instead. */
function sameAuthority(hostField: string, authority: Authority, scheme: 'http' | 'https'): boolean {
  const parsed = parseAuthority(hostField, scheme);
  return !isRefusal(parsed) && isSame(parsed, authority);
}

function isSame(one: Authority, other: Authority): boolean {
  return one.host === other.host && one.port === other.port;
}

/** A DNS name or an IP literal (IPv6 in its brackets) in the one spelling that cannot be read as another. A last label that begins with a digit makes WHATWG URL read the whole as an IPv4 number: only the canonical spelling is left. */
export function isPlainHost(host: string): boolean {
  if (host.startsWith('[')) return URL.canParse(`http://${host}/`) && new URL(`http://${host}/`).hostname === host;
  const last = host.slice(host.lastIndexOf('.') + 1);
  return /^\d/.test(last) ? dottedQuad.test(host) : name.test(host);
}

function malformed(why: string): Refusal {
  return refuse('malformed_request', { detail: `The request could not be read one way only: ${why}.` });
}
