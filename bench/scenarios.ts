import type { RequestShape } from './jobs.ts';
import type { Scenario } from './measure.ts';
import type { Server } from './processes.ts';

/** What an SDK sends; with the proxy's credential and autocannon's `Connection`, twelve fields. All but `Proxy-Authorization` travel on. */
function headers(upstream: number, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    Host: `127.0.0.1:${upstream}`,
    'User-Agent': 'agent-sdk/2.31.0 (linux; x86_64) python/3.13.1',
    Accept: 'application/json',
    'Accept-Encoding': 'gzip, deflate, br, zstd',
    'Accept-Language': 'en',
    'X-Sdk-Language': 'python',
    'X-Sdk-Retry-Count': '0',
    'X-Sdk-Timeout': '600',
    'Idempotency-Key': 'b0a4d1c2-5f0e-4f5b-9a51-0f4b0a1f6f4e',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    ...more,
  };
}

const someone = { 'Proxy-Authorization': `Basic ${Buffer.from('tsk_0000000000000000:0000000000000000000000000000').toString('base64')}` };
const items = '/v1/items/4711?fields=title,state';

function get(path: string, fields: Readonly<Record<string, string>>): RequestShape {
  return { method: 'GET', path, headers: fields };
}

/** The baselines: the answering server itself, and two forwarders in front of it. */
export function peerScenarios(answer: Server, undici: Server, httpProxy3: Server): readonly Scenario[] {
  const straight = [get(items, headers(answer.port, someone))];
  const forwarded = [get(`http://127.0.0.1:${answer.port}${items}`, headers(answer.port, someone))];
  const shared = { direct: { port: answer.port, shapes: straight }, perSecond: 500 };
  return [
    { name: 'direct', server: answer, shapes: straight, ...shared },
    { name: 'undici', server: undici, shapes: forwarded, ...shared },
    { name: 'http_proxy_3', server: httpProxy3, shapes: forwarded, ...shared },
  ];
}
