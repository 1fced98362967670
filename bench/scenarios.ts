import type { OpenTask, Sidecar } from './exeat.ts';
import type { RequestShape, TlsTarget } from './jobs.ts';
import type { Scenario } from './measure.ts';
import type { Server } from './processes.ts';

export interface Baselines {
  readonly answer: Server;
  readonly undici: Server;
  readonly httpProxy3: Server;
  readonly httpProxy3KeepAlive: Server;
}

/** Sidecars with the example policies, with a hundred, and one whose tasks are used once. */
export interface Sidecars {
  readonly warm: Sidecar;
  readonly many: Sidecar;
  readonly cold: Sidecar;
}

const someone = `Basic ${Buffer.from('task_1613576abc9b1be3e9239187e47ed0cd:EWHnZ0yUeJhXbAHhqYFBwQ').toString('base64')}`;
const issues = '/repos/acme/printer/issues?state=open&per_page=30';
const usual = { perSecond: 500 };

/** What an SDK sends; with the task's credential and autocannon's `Connection`, twelve fields. */
function headers(host: number, task: Readonly<Record<string, string>>): Record<string, string> {
  return {
    Host: `127.0.0.1:${host}`,
    'User-Agent': 'agent-sdk/2.31.0 (linux; x86_64) python/3.13.1',
    Accept: 'application/json',
    'Accept-Encoding': 'gzip, deflate, br, zstd',
    'Accept-Language': 'en',
    'X-Sdk-Language': 'python',
    'X-Sdk-Retry-Count': '0',
    'X-Sdk-Timeout': '600',
    'Idempotency-Key': 'b0a4d1c2-5f0e-4f5b-9a51-0f4b0a1f6f4e',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    ...task,
  };
}

/** An absolute-form request to the answering server, as a client with `http_proxy` sends it. */
export function proxied(answer: Server, path: string, authorization = someone): RequestShape {
  const fields = headers(answer.port, { 'Proxy-Authorization': authorization });
  return { method: 'GET', path: `http://127.0.0.1:${answer.port}${path}`, headers: fields };
}

function straight(answer: Server, path: string): RequestShape {
  return { method: 'GET', path, headers: headers(answer.port, { 'Proxy-Authorization': someone }) };
}

/** The answering server itself, and bare forwarders in front of it. */
export function peerScenarios({ answer, undici, httpProxy3, httpProxy3KeepAlive }: Baselines): readonly Scenario[] {
  const shapes = [proxied(answer, issues)];
  const direct = { port: answer.port, shapes: [straight(answer, issues)] };
  return [
    { name: 'direct', server: answer, shapes: direct.shapes, direct, ...usual },
    { name: 'undici', server: undici, shapes, direct, ...usual },
    { name: 'http_proxy_3', server: httpProxy3, shapes, direct, ...usual },
    { name: 'http_proxy_3_keep_alive', server: httpProxy3KeepAlive, shapes, direct, ...usual },
  ];
}

/** Exeat with everything on. */
export async function exeatScenarios(answer: Server, { warm, many, cold }: Sidecars): Promise<readonly Scenario[]> {
  const [task, other] = [await warm.open(), await many.open()];
  const direct = { port: answer.port, shapes: [straight(answer, issues)] };
  const route = { ...straight(answer, '/tickets/tickets?state=open'), headers: headers(warm.port, { 'Exeat-Task': task.credential }) };
  const distinct = '/repos/acme/app-{n}/issues/{n}?page={n}&since=2026-01-{n}';
  const fresh = { calls: 200, tasks: (count: number) => openTasks(cold, count) };
  return [
    { name: 'forward', server: warm, shapes: [proxied(answer, issues, task.proxyAuthorization)], direct, ...usual },
    { name: 'reverse', server: warm, shapes: [route], direct, ...usual },
    { name: 'forward_distinct', server: many, shapes: [proxied(answer, distinct, other.proxyAuthorization)], direct, ...usual },
    { name: 'cold_exchange', server: cold, shapes: [proxied(answer, issues, '{task}')], direct, perSecond: 50, fresh },
    bodies('1kb', { bytes: 1024, perSecond: 500, answer, warm, task }),
    bodies('16kb', { bytes: 16_384, perSecond: 200, answer, warm, task }),
    bodies('1mb', { bytes: 1_048_576, perSecond: 20, answer, warm, task }),
  ];
}

/** A call of a tool, its arguments decided upon by a test that is kept, and by one that is made each time; and the same POST to plain HTTP. */
export async function mcpScenarios(answer: Server, mcp: Sidecar): Promise<readonly Scenario[]> {
  const { proxyAuthorization } = await mcp.open();
  const direct = { port: answer.port, shapes: [{ ...straight(answer, '/mcp'), method: 'POST' as const, body: toolCall('search') }] };
  const shape = (host: string, tool: string): RequestShape => {
    const { headers: fields } = proxied(answer, '/mcp', proxyAuthorization);
    const all = { ...fields, Host: `${host}:${answer.port}`, 'Content-Type': 'application/json' };
    return { method: 'POST', path: `http://${host}:${answer.port}/mcp`, headers: all, body: toolCall(tool) };
  };
  return [
    { name: 'post', server: mcp, shapes: [shape(hosts.http, 'search')], direct, ...usual },
    { name: 'mcp_call', server: mcp, shapes: [shape(hosts.mcp, 'search')], direct, ...usual },
    { name: 'mcp_call_afresh', server: mcp, shapes: [shape(hosts.mcp, 'rank')], direct, ...usual },
  ];
}

/** Of the destinations that `mcpDestinations` makes; all of 127/8 is loopback. */
export const hosts = { http: '127.0.0.91', mcp: '127.0.0.92' } as const;

function toolCall(name: string): string {
  const given = { q: 'printer {n}', limit: 10, ratio: 0.5, labels: ['bug', 'urgent'] };
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: given } });
}

interface Bodies {
  readonly bytes: number;
  readonly perSecond: number;
  readonly answer: Server;
  readonly warm: Sidecar;
  readonly task: OpenTask;
}

export interface TlsServers {
  readonly answer: Server;
  readonly undici: Server;
  readonly exeat: Sidecar;
  /** PEM of the root behind the answering server and the peer, and of the sidecar's CA. */
  readonly root: string;
  readonly trust: string;
}

/** Both legs TLS: what the client speaks is HTTP/1.1 or HTTP/2, upstream it is HTTP/1.1. */
export async function tlsScenarios({ answer, undici, exeat, root, trust }: TlsServers): Promise<readonly Scenario[]> {
  const { proxyAuthorization } = await exeat.open();
  const { Host: _, ...fields } = headers(443, {});
  const to = (server: Server, protocol: 'h1' | 'h2'): TlsTarget => ({
    port: server.port,
    host: 'bench.example',
    ca: root,
    protocol,
    path: issues,
    headers: fields,
  });
  const through = (protocol: 'h1' | 'h2'): TlsTarget => ({
    ...to(exeat, protocol),
    ca: trust,
    tunnel: { authority: 'bench.example:443', proxyAuthorization },
  });
  const direct = { port: answer.port, shapes: [], tls: to(answer, 'h1') };
  const common = { shapes: [], direct, ...usual };
  return [
    { name: 'tls_undici', server: undici, tls: to(undici, 'h1'), ...common },
    { name: 'intercepted', server: exeat, tls: through('h1'), ...common },
    { name: 'tls_undici_h2', server: undici, tls: to(undici, 'h2'), ...common },
    { name: 'intercepted_h2', server: exeat, tls: through('h2'), ...common },
  ];
}

/** Downloads and uploads by turns. */
function bodies(name: string, { bytes, perSecond, answer, warm, task }: Bodies): Scenario {
  const both = (shape: (path: string) => RequestShape): RequestShape[] => [
    shape(`/bytes/${bytes}`),
    { ...shape('/bytes'), method: 'POST', bodyBytes: bytes },
  ];
  const direct = { port: answer.port, shapes: both((path) => straight(answer, path)) };
  const shapes = both((path) => proxied(answer, path, task.proxyAuthorization));
  return { name: `body_${name}`, server: warm, shapes, direct, perSecond };
}

async function openTasks(sidecar: Sidecar, count: number): Promise<readonly string[]> {
  const tasks: string[] = [];
  for (let opened = 0; opened < count; opened += 1) tasks.push((await sidecar.open()).proxyAuthorization);
  return tasks;
}
