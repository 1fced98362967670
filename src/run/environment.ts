import { endpointsOf } from '../config/network-checks.ts';
import { secretVariablesOf } from '../config/files.ts';
import type { DestinationConfig } from '../config/destination.ts';
import type { Config } from '../config/schema.ts';
import { placeholder } from '../placeholder.ts';
import { identityVariables } from './identity-variables.ts';
import { isProxyVariable, javaProxyOptions, proxyEnvironment } from './proxy-variables.ts';
import { servicesAt, type ServiceVariables } from './service-variables.ts';

type Variables = Readonly<Record<string, string>>;

/** What is held back from a child, with the values that it would have had. */
export interface Split {
  readonly passed: Variables;
  readonly held: Variables;
}

/** Shorter values stand in others by chance. */
const shortestSecret = 8;

/** Parts an environment into what a child may have and what it may not: secrets that the config reads, also in variables of other names, identities, credentials of destinations, what is Exeat's. */
export function splitEnvironment(inherited: NodeJS.ProcessEnv, config: Config): Split {
  const services = servicesOf(config).flatMap(({ service }) => [...service.wanted, ...(service.others ?? [])]);
  const read = secretVariablesOf(config);
  const names = new Set([...read, ...services]);
  const secrets = read.map((name) => inherited[name] ?? '').filter((value) => value.length >= shortestSecret);
  const mustGo = (name: string, value: string): boolean =>
    names.has(name) || identityVariables.has(name) || name.startsWith('EXEAT_') || secrets.some((secret) => value.includes(secret));
  const all = Object.entries(inherited).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    passed: Object.fromEntries(all.filter(([name, value]) => !mustGo(name, value))),
    held: Object.fromEntries(all.filter(([name, value]) => mustGo(name, value))),
  };
}

export interface ChildOptions {
  readonly config: Config;
  /** `host:port` of the task's listener. */
  readonly proxy: string;
  /** Told to the child as its own `EXEAT_…`. */
  readonly own: Variables;
  /** How clients are told whom to trust, given the environment so far. */
  readonly trust: (variables: Variables) => Variables;
  /** Names that the child keeps as they were, whatever they hold. */
  readonly keep: readonly string[];
}

/** The environment of the child, made from what it may have. */
export function childEnvironment(inherited: NodeJS.ProcessEnv, options: ChildOptions): Record<string, string> {
  const { config, proxy, own, keep } = options;
  const { passed } = splitEnvironment(inherited, config);
  const services = servicesOf(config);
  const proxies = proxyEnvironment(proxy, config);
  const variables: Record<string, string> = {
    ...Object.fromEntries(Object.entries(passed).filter(([name]) => !isProxyVariable(name))),
    ...Object.fromEntries(services.flatMap(({ service }) => service.wanted.map((name) => [name, placeholder]))),
    ...Object.fromEntries(services.flatMap(({ service, destination }) => baseUrlOf(service, destination, proxy))),
    ...proxies,
    ...own,
  };
  const trusting: Record<string, string> = { ...variables, ...options.trust(variables) };
  const java = [trusting['JAVA_TOOL_OPTIONS'] ?? '', javaProxyOptions(proxy, proxies)].filter((part) => part !== '').join(' ');
  const kept = keep.flatMap((name) => (inherited[name] === undefined ? [] : [[name, inherited[name]]]));
  return { ...trusting, JAVA_TOOL_OPTIONS: java, ...Object.fromEntries(kept) };
}

/** The services that the destinations belong to, each with its destination. */
function servicesOf({ destinations }: Config): { readonly service: ServiceVariables; readonly destination: DestinationConfig }[] {
  return Object.values(destinations).flatMap((destination) =>
    endpointsOf(destination).flatMap(({ endpoint }) => servicesAt(endpoint.name).map((service) => ({ service, destination }))),
  );
}

/** A route stands for its whole base URL, which may hold the path that the SDK expects. */
function baseUrlOf({ baseUrl }: ServiceVariables, { route, url }: DestinationConfig, proxy: string): (readonly [string, string])[] {
  if (baseUrl === undefined || route === undefined) return [];
  const [name, path] = baseUrl;
  return [[name, `http://${proxy}${route}${url?.path.endsWith(path) === true ? '' : path}`]];
}
