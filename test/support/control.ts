import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

/** A sidecar, in this process or its own, whose role tokens are in that folder. */
export interface Controlled {
  readonly folder: string;
  readonly sidecar: { readonly control: string };
}

export interface ControlAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Record<string, unknown>;
}

export type Ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<ControlAnswer>;

/** Speaks to the control API with a role's token from its file, or with any other bearer token. */
export function controlOf(exeat: Controlled, bearer: 'operator' | 'orchestrator' | 'approver' | 'agent' | { readonly token: string }): Ask {
  const token = () => (typeof bearer === 'string' ? readFileSync(join(exeat.folder, `${bearer}.token`), 'utf8').trim() : bearer.token);
  return (method, path, body, headers) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const all = { authorization: `Bearer ${token()}`, ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers };
    return send(exeat.sidecar.control, { method, path, headers: all }, text);
  };
}

/** One request to `host:port` or to a Unix socket. */
export function send(
  address: string,
  options: { readonly method?: string; readonly path: string; readonly headers?: Record<string, string> },
  body?: string,
): Promise<ControlAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ControlAnswer>();
  const at = address.startsWith('/')
    ? { socketPath: address, host: 'localhost' }
    : { host: address.slice(0, address.lastIndexOf(':')), port: address.slice(address.lastIndexOf(':') + 1) };
  const outgoing = request({ ...at, ...options, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const isJson = /json/.test(response.headers['content-type'] ?? '');
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text },
      });
    });
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}
