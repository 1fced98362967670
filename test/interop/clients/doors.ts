import type { OpenTask } from '../support/exeat.ts';

/** A way into the sidecar: how a client finds it, and how a call names its task there. */
export interface Door {
  readonly name: string;
  /** The URL the client is given for a path of the protected API. `proxy` is the sidecar's `host:port`. */
  readonly url: (proxy: string, path: string) => string;
  /** Whether the client's environment names the sidecar as its proxy. */
  readonly proxied: boolean;
  /** What the audit log calls it. */
  readonly audited: 'forward' | 'tunnel' | 'route';
  readonly headers: (task: OpenTask) => Readonly<Record<string, string>>;
  /** What a wrong secret is answered with. */
  readonly refusal: { readonly status: number; readonly code: string };
}

/** The protected API's name where it is called through the proxy, and where a route stands for it. */
export const apiNames = { proxy: 'api.exeat.test', route: 'routed.exeat.test' } as const;
export const apiRoute = '/api';

const route = {
  url: (proxy: string, path: string) => `http://${proxy}${apiRoute}${path}`,
  proxied: false,
  audited: 'route',
  refusal: { status: 403, code: 'task_credential_refused' },
} as const;

export const proxyDoor: Door = {
  name: 'http:// through the proxy',
  url: (_proxy, path) => `http://${apiNames.proxy}${path}`,
  proxied: true,
  audited: 'forward',
  headers: () => ({}),
  refusal: { status: 407, code: 'task_credential_unknown' },
};

export const httpsDoor: Door = {
  ...proxyDoor,
  name: 'https:// through the proxy',
  url: (_proxy, path) => `https://${apiNames.proxy}${path}`,
  audited: 'tunnel',
};

export const doors: readonly Door[] = [
  proxyDoor,
  httpsDoor,
  { ...route, name: 'a route with Exeat-Task', headers: (task) => ({ 'Exeat-Task': credentialOf(task) }) },
  { ...route, name: 'a route with a bearer token', headers: (task) => ({ Authorization: `Bearer ${credentialOf(task)}` }) },
];

/** Nothing of this machine's settings, so that only what a user is told to set is set. */
export function plainEnvironment(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: home, LANG: 'C.UTF-8' };
}

/** What a user is told to set for a client. */
export function proxyEnvironment({ proxyUrl: { href } }: OpenTask, trust: Readonly<Record<string, string>>): Record<string, string> {
  return { ...trust, http_proxy: href, https_proxy: href };
}

/** The same task with a secret that is not its own. */
export function withWrongSecret(task: OpenTask): OpenTask {
  const proxyUrl = new URL(task.proxyUrl);
  proxyUrl.password = 'wrong';
  return { ...task, proxyUrl };
}

/** `<id>.<secret>`. */
export function credentialOf({ proxyUrl }: OpenTask): string {
  return `${proxyUrl.username}.${proxyUrl.password}`;
}
