import { join } from 'node:path';
import { startAuthority, type RunningAuthority } from '../../src/authority/authority.ts';
import { config as localConfig, create as createLocal, publicKeysFile } from '../../src/identity/local.ts';
import { temporaryFolder } from './broker.ts';
import { call } from './call.ts';
import { startOrigin, type Answer, type Origin } from './origin.ts';
import { loopback, startTestSidecar, type TestSidecar, type TestStages } from './sidecar.ts';

const audience = 'https://tickets.example.com';

/** A protected API, an authority and a sidecar, all real, and one open task. */
export interface ProtectedApi extends AsyncDisposable {
  readonly exeat: TestSidecar;
  readonly origin: Origin;
  readonly authority: RunningAuthority;
  readonly task: ReturnType<TestSidecar['open']>;
  /** The status of one call in the task. */
  call(): Promise<number>;
  /** The destination, with another scope or more settings. */
  destination(scope: string, more?: object): object;
}

export async function startProtectedApi(answer?: Answer, stages?: TestStages): Promise<ProtectedApi> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const identityFolder = join(folder, 'identity');
  const identity = stack.use(await createLocal(localConfig.parse({ source: 'local' }), { folder: identityFolder }));
  const authority = stack.use(
    await startAuthority({
      listen: '127.0.0.1:0',
      trusted_issuers: [{ issuer: identity.principal()?.issuer ?? '', jwks_file: publicKeysFile(identityFolder) }],
      resources: { [audience]: { scopes: ['tickets:read', 'tickets:write'] } },
    }),
  );
  const origin = stack.use(await startOrigin(answer));
  const destination = (scope: string, more: object = {}) =>
    loopback(origin, { credential: { kind: 'token-exchange', audience, scope }, ...more });
  const exeat = stack.use(
    await startTestSidecar(
      {
        folder,
        destinations: { tickets: destination('tickets:read') },
        authority: { issuer: authority.issuer, allow_private: true, unsafe_cleartext: true },
      },
      stages,
    ),
  );
  const task = exeat.open();
  return {
    exeat,
    origin,
    authority,
    task,
    call: async () => (await call(`${origin.url}/`, { proxy: exeat.proxy, authorization: task.authorization })).status,
    destination,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
