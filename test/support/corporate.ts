import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Resolve } from '../../src/egress/address-guard.ts';
import { temporaryFolder } from './broker.ts';
import { call, type Answered } from './call.ts';
import { createRoot, type TestRoot } from './certificates.ts';
import { basic, startConnectProxy, type ConnectProxy } from './connect-proxy.ts';
import { startOrigin, type Origin } from './origin.ts';
import { startTestSidecar, type TestSidecar } from './sidecar.ts';

/** The name under which the proxy is configured. */
export const proxyName = 'proxy.corp.example';
export const password = 'p4ss-w0rd-4711';
/** The credential that is injected for the destination. */
export const secret = 'the-secret-4712';

export interface CorporateOptions {
  /** TLS to the proxy. */
  readonly tls?: boolean;
  /** The proxy demands credentials. */
  readonly protected?: boolean;
  /** Hosts of the destination, if not `api.example`; the origin's port is put behind each. */
  readonly hosts?: readonly string[];
  /** More settings of the destination. */
  readonly destination?: object;
  /** More settings of `upstream_proxy`, or none at all. */
  readonly settings?: object | undefined;
  /** Names for which the origin has its certificate, if not `api.example` and what is below it. */
  readonly names?: readonly string[];
  /** Where the proxy's name leads, if not to loopback. */
  readonly proxyAddress?: string;
  /** Plain HTTP at the origin, and nothing injected. */
  readonly clear?: boolean;
  /** Relayed unread, and nothing injected. */
  readonly blind?: boolean;
}

/** An https API on loopback, a company's proxy that knows where it is, and a sidecar that goes through it. All names resolve to loopback. */
export interface Corporate extends AsyncDisposable {
  readonly origin: Origin;
  readonly proxy: ConnectProxy;
  readonly exeat: TestSidecar;
  readonly root: TestRoot;
  readonly folder: string;
  /** Names that the sidecar itself looked up. */
  readonly resolved: readonly string[];
  /** Settings of `upstream_proxy` and of the destination, for a reload. */
  readonly upstream: object;
  readonly api: object;
  get(host?: string): Promise<Answered>;
  /** Proxy-Authorization of the task. */
  readonly authorization: string;
  /** The final event of the only call. */
  event(): Promise<Record<string, unknown> | undefined>;
}

export async function startCorporate(options: CorporateOptions = {}): Promise<Corporate> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const [root, corpRoot] = [await createRoot(), await createRoot()];
  const files = {
    ca: join(folder, 'ca.pem'),
    corp: join(folder, 'corp.pem'),
    password: join(folder, 'password'),
    secret: join(folder, 'secret'),
  };
  for (const [file, text] of [
    [files.ca, root.pem],
    [files.corp, corpRoot.pem],
    [files.password, `${password}\n`],
    [files.secret, secret],
  ] as const)
    writeFileSync(file, text);

  const { clear = false, blind = false, hosts = ['api.example'] } = options;
  const certificate = clear ? undefined : await root.issue(options.names ?? ['api.example', '*.api.example', '127.0.0.1']);
  const origin = stack.use(await startOrigin(undefined, certificate));
  const proxy = stack.use(
    await startConnectProxy({
      zone: Object.fromEntries(hosts.map((host) => [`${host}:${origin.port}`, origin.host])),
      ...(options.tls === true ? { certificate: await corpRoot.issue([proxyName]) } : {}),
      ...(options.protected === true ? { authorization: basic('exeat', password) } : {}),
    }),
  );
  const upstream = {
    url: `${options.tls === true ? 'https' : 'http'}://${proxyName}:${proxy.port}`,
    ...(options.tls === true ? { ca: files.corp } : {}),
    ...(options.protected === true ? { credentials: { username: 'exeat', password: { file: files.password } } } : {}),
    ...(options.protected === true && options.tls !== true ? { unsafe_cleartext: true } : {}),
    ...options.settings,
  };
  const credential = { kind: 'static', header: 'x-token', value: { file: files.secret }, expires: '2999-01-01', reason: 'test' };
  const scheme = clear ? 'http' : 'https';
  const api = {
    hosts: hosts.map((host) => `${scheme}://${host}:${origin.port}`),
    ...(blind ? { tls: 'tunnel' } : clear ? {} : { credential, ca: files.ca }),
    ...options.destination,
  };
  const resolved: string[] = [];
  const resolve: Resolve = (hostname, _options, callback) => {
    resolved.push(hostname);
    const address = hostname === proxyName ? (options.proxyAddress ?? '127.0.0.1') : '127.0.0.1';
    setImmediate(() => callback(null, [{ address, family: 4 }]));
  };
  const exeat = stack.use(await startTestSidecar({ folder, destinations: { api }, upstream_proxy: upstream }, { resolve }));
  const { authorization } = exeat.open();
  return {
    origin,
    proxy,
    exeat,
    root,
    folder,
    resolved,
    authorization,
    upstream,
    api,
    get: (host = 'api.example') => call(`${scheme}://${host}:${origin.port}/x`, { proxy: exeat.proxy, authorization }),
    event: async () => (await exeat.events({ kind: 'call' }))[0],
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
