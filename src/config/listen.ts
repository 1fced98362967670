import { isLoopback } from './hosts.ts';
import { z } from '../settings.ts';

/** Options for `server.listen`. Without `host`: every interface. Port 0: the system chooses. */
export type ListenAddress = { readonly host?: string; readonly port: number } | { readonly path: string };

const maxSocketPathBytes = 103;

const tcp = z
  .string()
  // What is no address is not compared with the others.
  .regex(/^([^:\s/]+|\[[0-9a-fA-F:.]+\])?:\d{1,5}$/, { error: 'expected address:port such as 127.0.0.1:7070', abort: true })
  .transform((text): { readonly host?: string; readonly port: number } => {
    const at = text.lastIndexOf(':');
    const host = text.slice(0, at).replace(/^\[|\]$/g, '');
    const port = Number(text.slice(at + 1));
    return host === '' ? { port } : { host, port };
  })
  .refine(({ port }) => port <= 65_535, 'a port is at most 65535');

const socket = z
  .string()
  .regex(/^unix:\//, 'expected unix:/absolute/path')
  .transform((text) => ({ path: text.slice('unix:'.length) }))
  .refine(({ path }) => Buffer.byteLength(path) <= maxSocketPathBytes, `a socket path has at most ${maxSocketPathBytes} bytes`);

const tcpOrSocket = z.union([tcp, socket], { error: 'expected address:port such as 127.0.0.1:7071, or unix:/absolute/path' });

/** `listen:`. The agent shares the loopback interface; nothing else may reach the proxy and the control API. */
export const listenConfig = z
  .strictObject({
    proxy: tcp.prefault('127.0.0.1:7070').meta({ description: "the agent's door: address:port" }),
    proxy_hosts: z
      .array(
        z
          .string()
          .toLowerCase()
          .regex(/^[^\s/@]+:\d{1,5}$/, 'expected host:port such as exeat.internal:7070'),
      )
      .default([])
      .meta({ description: 'more host:port by which clients may call routes, where the proxy is exposed by another name than its own' }),
    control: tcpOrSocket.prefault('127.0.0.1:7071').meta({ description: 'control API: address:port or unix:/path' }),
    health: tcp.prefault('127.0.0.1:7072').meta({ description: 'liveness, readiness and metrics; ":7072" in a pod' }),
    max_connections: z
      .int()
      .positive()
      .default(2000)
      .meta({ description: "the agent's connections at the same time; fewer where the process may not open so many files" }),
    unsafe_expose_proxy: z.boolean().default(false).meta({ description: 'lets the proxy listen beyond loopback' }),
    unsafe_expose_control: z.boolean().default(false).meta({ description: 'lets the control API listen beyond loopback' }),
  })
  .superRefine((listen, context) => {
    for (const name of ['proxy', 'control'] as const) {
      if (listen[`unsafe_expose_${name}`] || onlyHere(listen[name])) continue;
      const message = `must be a loopback address: whoever reaches it acts as the agent's neighbour ("unsafe_expose_${name}: true" lifts this)`;
      context.addIssue({ code: 'custom', path: [name], message });
    }
    for (const [first, second] of [
      ['proxy', 'control'],
      ['proxy', 'health'],
      ['control', 'health'],
    ] as const) {
      if (!sameAddress(listen[first], listen[second])) continue;
      context.addIssue({ code: 'custom', path: [second], message: `is the address of "${first}" too; give each its own port` });
    }
  });

/** The address as a person would write it. */
export function listenText(address: ListenAddress): string {
  if ('path' in address) return `unix:${address.path}`;
  const host = address.host?.includes(':') === true ? `[${address.host}]` : (address.host ?? '');
  return `${host}:${address.port}`;
}

function onlyHere(address: ListenAddress): boolean {
  return 'path' in address || (address.host !== undefined && isLoopback(address.host));
}

function sameAddress(a: ListenAddress, b: ListenAddress): boolean {
  if ('path' in a || 'path' in b || a.port === 0 || a.port !== b.port) return false;
  return a.host === b.host || a.host === undefined || b.host === undefined;
}
