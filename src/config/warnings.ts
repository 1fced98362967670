import { datedText } from '../dated.ts';
import { endpointsOf } from './network-checks.ts';
import { type DestinationConfig, tlsOf } from './destination.ts';
import { listenText } from './listen.ts';
import { bundleOf, peerOf } from '../policy/registry.ts';
import { type Problem, problemText } from './problems.ts';
import { goesThrough, names } from './proxied.ts';
import type { Config } from './schema.ts';

/** What works and deserves a second look: unsafe switches, dated exceptions, things that can never be used. One line each. */
export function warningsOf(config: Config, now = Date.now()): string[] {
  const problems = [
    ...exposure(config),
    ...reach(config),
    ...chained(config),
    ...Object.entries(config.destinations).flatMap(([name, destination]) =>
      [...unsafe(destination), ...dated(destination, now)].map(({ path, message }) => ({ path: ['destinations', name, ...path], message })),
    ),
  ];
  const peer = peerOf(config.policy);
  if (peer?.unsafe_cleartext === true) {
    const message = 'is asked in clear, over loopback: whoever has its port while it is away answers in its place';
    problems.push({ path: ['policy', bundleOf(config.policy) === undefined ? 'server' : 'bundle', 'unsafe_cleartext'], message });
  }
  if (config.authority?.unsafe_cleartext === true)
    problems.push({ path: ['authority', 'unsafe_cleartext'], message: 'tokens may travel in clear, over loopback' });
  return problems.map(problemText);
}

function exposure({ listen }: Config): Problem[] {
  return (['proxy', 'control'] as const)
    .filter((name) => listen[`unsafe_expose_${name}`])
    .map((name) => ({
      path: ['listen', `unsafe_expose_${name}`],
      message: `${listenText(listen[name])} may be reached from beyond this machine`,
    }));
}

function reach({ destinations, intents, tasks }: Config): Problem[] {
  if (Object.keys(destinations).length === 0) return [{ path: ['destinations'], message: 'there is none, so every call is refused' }];
  if (Object.keys(intents).length === 0) return [{ path: ['intents'], message: 'there is none, so no task can be opened' }];
  const used = new Set(Object.values(intents).flatMap((intent) => intent.destinations));
  const idle = Object.keys(destinations).filter((name) => !used.has(name));
  const unused = idle.map((name) => ({ path: ['destinations', name], message: 'no intent names it, so no task can reach it' }));
  const tooLong = Object.entries(intents).filter(([, { max_ttl: ttl }]) => ttl !== undefined && ttl > tasks.max_ttl);
  return [
    ...unused,
    ...tooLong.map(([name]) => ({ path: ['intents', name, 'max_ttl'], message: 'is more than tasks.max_ttl, which holds' })),
  ];
}

/** What may not go the way that was meant. */
function chained({ upstream_proxy: proxy, destinations, ...config }: Config): Problem[] {
  if (proxy === undefined) return [];
  const dialled = Object.entries(destinations).flatMap(([name, settings]) => {
    if (settings.connect_to !== undefined) return [];
    return endpointsOf(settings).map(({ endpoint, at }) => ({ host: endpoint.name, path: ['destinations', name, ...at], settings }));
  });
  const ours = [config.authority?.issuer, peerOf(config.policy)?.url, config.approvals.webhook?.url].filter((url) => url !== undefined);
  const hosts = [...dialled.map(({ host }) => host), ...ours.map((url) => new URL(url).hostname)];
  const idle = proxy.no_proxy.flatMap((pattern, index) => {
    if (hosts.some((host) => names(pattern, host))) return [];
    return [{ path: ['upstream_proxy', 'no_proxy', index], message: 'no destination is there, nor anything else that Exeat calls' }];
  });
  const strays = dialled.flatMap(({ host, path, settings }) => {
    if (host.startsWith('*.') && !proxy.no_proxy.some((pattern) => names(pattern, host)))
      return [
        { path, message: 'is dialled directly: a wildcard never goes through the upstream proxy ("no_proxy" may say that it is meant)' },
      ];
    if (!settings.allow_private || !goesThrough(host, proxy)) return [];
    return [{ path, message: 'goes through the upstream proxy, which "allow_private" does not bind: name it in "no_proxy" to dial it' }];
  });
  if (!proxy.unsafe_cleartext || proxy.credentials === undefined) return [...idle, ...strays];
  return [{ path: ['upstream_proxy', 'unsafe_cleartext'], message: 'the password travels in clear to the proxy' }, ...idle, ...strays];
}

function unsafe(destination: DestinationConfig): Problem[] {
  const inClear = endpointsOf(destination).some(({ endpoint }) => endpoint.scheme === 'http');
  const problems: Problem[] = [];
  if (destination.unsafe_cleartext)
    problems.push({ path: ['unsafe_cleartext'], message: 'the credential travels in clear, over loopback' });
  else if (inClear) problems.push({ path: ['hosts'], message: 'calls travel in clear' });
  if (destination.unsafe_keep.length > 0) {
    problems.push({
      path: ['unsafe_keep'],
      message: `the agent's own ${destination.unsafe_keep.join(', ')} passes: it holds a credential of its own`,
    });
  }
  if (tlsOf(destination) === 'tunnel') {
    const message = 'what goes through CONNECT is relayed unread: policy sees its host and port, and nothing else';
    problems.push({ path: [destination.tls === undefined ? 'protocol' : 'tls'], message });
  }
  if (destination.unsafe_encoded_path)
    problems.push({ path: ['unsafe_encoded_path'], message: 'policy and the destination may read a path differently' });
  if (destination.unsafe_reflection && destination.credential !== undefined)
    problems.push({ path: ['unsafe_reflection'], message: 'a credential that the destination echoes reaches the agent' });
  if (destination.pass_cookies) problems.push({ path: ['pass_cookies'], message: 'the agent can hold a session of its own here' });
  return problems;
}

function dated({ credential, observe }: DestinationConfig, now: number): Problem[] {
  const problems: Problem[] = [];
  if (observe !== undefined) {
    const path = ['observe', 'until'];
    problems.push({
      path,
      message: datedText(observe.until, now, { past: 'has passed: policy is enforced', running: 'policy is not enforced' }),
    });
  }
  if (credential?.kind === 'static') {
    const path = ['credential', 'expires'];
    const running = `a shared static secret (${credential.reason})`;
    problems.push({
      path,
      message: datedText(credential.expires, now, { past: 'has passed: calls are refused until the secret is replaced', running }),
    });
  }
  return problems;
}
