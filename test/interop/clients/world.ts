import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificate } from '../support/certificate.ts';
import { startAuthority, startSidecar, type RunningSidecar } from '../support/exeat.ts';
import { apiNames, apiRoute } from './doors.ts';
import { createTokenCheck, type TokenClaims } from '../support/token-check.ts';

/** Authority, sidecar and one protected API behind TLS, all real, in a folder of their own. */
export interface World extends AsyncDisposable {
  readonly sidecar: RunningSidecar;
  readonly folder: string;
}

export interface WorldOptions {
  /** Cedar text; the destinations are "proxied" and "routed", the intent is "work". */
  readonly policy: string;
  /** What the API does with a call whose token was good. */
  readonly answer: (request: IncomingMessage, response: ServerResponse, claims: TokenClaims) => Promise<void>;
}

const scopes = ['items:read', 'items:write'];

export async function startWorld({ policy, answer }: WorldOptions): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'exeat-interop-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const certificate = await createCertificate(folder, Object.values(apiNames));
  const audience = `https://${apiNames.proxy}/`;
  const authority = stack.use(await startAuthority(folder, { [audience]: scopes }));

  const check = createTokenCheck(authority, audience);
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
    void check(request.headers.authorization)
      .then((claims) => (claims === undefined ? void response.writeHead(401).end() : answer(request, response, claims)))
      .catch((error: unknown) => {
        process.emitWarning(`the API failed: ${String(error)}`);
        response.destroy();
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });

  const destination = {
    connect_to: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: certificate.file,
    allow_private: true,
    credential: { kind: 'token-exchange', resource: audience, scope: scopes.join(' ') },
  };
  const sidecar = stack.use(
    await startSidecar(folder, {
      policy,
      identity: { source: 'file', path: authority.tokenFile },
      authority: { issuer: authority.issuer, unsafe_cleartext: true },
      intents: { work: { description: 'Interop', destinations: ['proxied', 'routed'] } },
      destinations: {
        proxied: { hosts: [apiNames.proxy], ...destination },
        routed: { route: apiRoute, url: `https://${apiNames.route}`, ...destination },
      },
    }),
  );
  const kept = stack.move();
  return { sidecar, folder, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
