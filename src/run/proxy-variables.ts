import { endpointsOf } from '../config/network-checks.ts';
import type { Config } from '../config/schema.ts';

const loopbackNames = ['localhost', '127.0.0.1', '::1'];

/** Any variable that leads a client to a proxy, or past one: of curl, git, npm, yarn, pip, gcloud, gRPC, WebSocket clients and others. */
export function isProxyVariable(name: string): boolean {
  return /(?:^|_)(?:https?|all|no|ftp|wss?|socks5?|grpc|rsync|pip)_?proxy$|^npm_config_(?:https_|no)?proxy$|^(?:global_agent|cloudsdk_proxy)_/i.test(
    name,
  );
}

/**
 * What makes clients call through this proxy (`host:port`), whatever their scheme: what Exeat does not take is refused, not let by. Only what is
 * on the child's own machine is called directly, but for names that a destination has.
 */
export function proxyEnvironment(proxy: string, { destinations }: Config): Record<string, string> {
  const taken = new Set(Object.values(destinations).flatMap((each) => endpointsOf(each).map(({ endpoint }) => bare(endpoint.name))));
  const direct = loopbackNames.filter((name) => !taken.has(name));
  const [url, none] = [`http://${proxy}`, direct.join(',')];
  const both = { http_proxy: url, https_proxy: url, all_proxy: url, no_proxy: none };
  const upper = Object.entries(both).map(([name, value]) => [name.toUpperCase(), value]);
  // Node's own clients read the variables only where this says so.
  return { ...both, ...Object.fromEntries(upper), NODE_USE_ENV_PROXY: '1' };
}

/** The same for every JVM, behind the options that are there already: of one given twice it takes the last. */
export function javaProxyOptions(proxy: string, variables: Readonly<Record<string, string>>): string {
  const [host, port] = [proxy.slice(0, proxy.lastIndexOf(':')), proxy.slice(proxy.lastIndexOf(':') + 1)];
  const direct = (variables['no_proxy'] ?? '')
    .split(',')
    .filter((name) => name !== '')
    .map((name) => (name.includes(':') ? `[${name}]` : name));
  const both = ['http', 'https'].flatMap((scheme) => [`-D${scheme}.proxyHost=${host}`, `-D${scheme}.proxyPort=${port}`]);
  // Unless said, the JVM calls loopback directly.
  return [...both, `-Dhttp.nonProxyHosts=${direct.join('|')}`].join(' ');
}

function bare(name: string): string {
  return name.replace(/^\[|\]$/g, '');
}
