import { isIP } from 'node:net';
import { z } from '../settings.ts';

/** Where a destination is. `name` is lower case and canonical; IPv6 keeps its brackets; `*.name` stands for exactly one label. */
export interface Endpoint {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  readonly port: number;
}

/** A base URL: an endpoint and a path without trailing slash, '' for the root. */
export interface BaseUrl extends Endpoint {
  readonly path: string;
}

const defaultPorts = { http: 80, https: 443 } as const;
const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const basePath = /^(\/[A-Za-z0-9._~:@!$&'()*+,=-]+)*\/?$/;

/** `[scheme://]name[:port]`: https and 443 unless said, http means 80. One spelling only: anything that could be read twice is refused. */
export const hostPattern = z
  .string()
  .transform((text, context): Endpoint => settled(endpointOf(text, true), context))
  .meta({ description: '[scheme://]name[:port]: https and 443 unless said; *.name is exactly one label', examples: ['api.github.com'] });

/** `scheme://name[:port][/path]`, without user info, query, fragment or wildcard. */
export const baseUrl = z
  .string()
  .transform((text, context): BaseUrl => settled(baseUrlOf(text), context))
  .meta({ description: 'base URL of a route', examples: ['https://tickets.example.com/api'] });

/** A name alone, or `*.name` for exactly one label; no address. */
export const hostName = z
  .string()
  .transform((text, context) => settled(nameAlone(text), context).name)
  .meta({ description: 'a name; *.name is exactly one label', examples: ['git.corp.example'] });

/** `name:port`, dialled instead of the destination's own address. */
export const hostAndPort = z
  .string()
  .transform((text, context) => {
    const endpoint = /^(?!\w+:\/\/).*:\d+$/.test(text) ? endpointOf(text, false) : 'expected name:port';
    return settled(typeof endpoint === 'string' ? endpoint : { host: endpoint.name.replace(/^\[|\]$/g, ''), port: endpoint.port }, context);
  })
  .meta({ description: 'name:port', examples: ['10.1.2.3:8443'] });

/** The URL that reaches this endpoint, without a default port. */
export function originOf(endpoint: Endpoint): string {
  const port = endpoint.port === defaultPorts[endpoint.scheme] ? '' : `:${endpoint.port}`;
  return `${endpoint.scheme}://${endpoint.name}${port}`;
}

/** True when a pattern with `*` stands for this name too. */
export function covers(pattern: string, name: string): boolean {
  return pattern.startsWith('*.') && name.slice(name.indexOf('.')) === pattern.slice(1);
}

/** True when a host name or address literal can only mean this machine's loopback interface. */
export function isLoopback(name: string): boolean {
  const bare = name.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

function settled<T extends object>(result: T | string, context: z.core.$RefinementCtx<string>): T {
  if (typeof result !== 'string') return result;
  context.addIssue({ code: 'custom', message: result });
  return z.NEVER;
}

function nameAlone(text: string): Pick<Endpoint, 'name'> | string {
  if (isIP(text.replace(/^\[|\]$/g, '')) !== 0) return 'expected a name, not an address';
  if (/[:/]/.test(text)) return 'expected a name alone, without scheme and port';
  return text.startsWith('.') ? `write "*${text}", which is exactly one label` : endpointOf(text, true);
}

function baseUrlOf(text: string): BaseUrl | string {
  const [, authority, path = ''] = /^([a-z]+:\/\/[^/?#]*)(.*)$/s.exec(text) ?? [];
  if (authority === undefined) return 'expected a URL such as https://tickets.example.com/api, scheme in lower case';
  if (/[?#]/.test(path)) return 'a base URL has no query and no fragment';
  if (!basePath.test(path) || /\/\.{1,2}(\/|$)/.test(path))
    return 'the path must be plain: no empty or dot segments, no % escapes, no spaces';
  const endpoint = endpointOf(authority, false);
  return typeof endpoint === 'string' ? endpoint : { ...endpoint, path: path.replace(/\/$/, '') };
}

function endpointOf(text: string, wildcards: boolean): Endpoint | string {
  const [, scheme = 'https', rest = ''] = /^(?:([^/]*):\/\/)?(.*)$/s.exec(text) ?? [];
  if (scheme !== 'http' && scheme !== 'https') return `the scheme must be http or https, not "${scheme}"`;
  if (rest.includes('@')) return 'user info is not allowed; credentials belong under "credential"';
  if (/[/?#\\]/.test(rest)) return 'a host has no path; for a base path use "route" and "url"';
  const [, name = '', portText] = /^(.*?)(?::(\d*))?$/s.exec(rest) ?? [];
  const port = portText === undefined ? defaultPorts[scheme] : Number(portText);
  if (portText !== undefined && (!/^[1-9]\d*$/.test(portText) || port > 65_535)) return `"${portText}" is not a port`;
  if (port === defaultPorts[scheme === 'http' ? 'https' : 'http']) return `${scheme} on port ${port} is the other scheme's port`;
  const problem = wildcards && name.startsWith('*.') ? wildcardProblem(name.slice(2)) : nameProblem(name);
  return problem ?? { scheme, name, port };
}

function wildcardProblem(parent: string): string | undefined {
  if (isIP(parent) !== 0) return 'a wildcard cannot stand before an address';
  if (!parent.includes('.') && parent !== 'localhost') return `"*.${parent}" is too wide: name at least two labels after the *`;
  return nameProblem(parent);
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'the host name is missing';
  if (name.includes('*')) return 'a * may only stand for the whole first label, as in *.example.com, and only under "hosts"';
  if (name.endsWith('.')) return `write the name without its trailing dot: ${name.replace(/\.+$/, '')}`;
  const canonical = URL.canParse(`http://${name}/`) ? new URL(`http://${name}/`).hostname : undefined;
  if (canonical === undefined) return `"${name}" is not a host name`;
  if (canonical !== name) return `write it in its canonical form: ${canonical}`;
  if (isIP(name.replace(/^\[|\]$/g, '')) !== 0) return undefined;
  const labels = name.split('.');
  // A last label that begins with a digit makes some readers take the whole for a number.
  const plain = name.length <= 253 && labels.every((part) => label.test(part)) && !/^\d/.test(labels.at(-1) ?? '');
  return plain ? undefined : `"${name}" is not a host name`;
}
