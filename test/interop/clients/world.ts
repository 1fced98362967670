import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificate } from '../support/certificate.ts';
import { startAuthority, startSidecar, type RunningSidecar } from '../support/exeat.ts';
import { apiNames, apiRoute } from './doors.ts';
import { createTokenCheck, type TokenClaims } from '../support/token-check.ts';
import { ownCredential, type ServiceOptions } from './service-client.ts';

/** Authority, sidecar and one protected API behind TLS, all real, in a folder of their own. */
export interface World extends AsyncDisposable {
  readonly sidecar: RunningSidecar;
  readonly folder: string;
}

export interface WorldOptions {
  /** Cedar text; the destinations are "proxied" and "routed", the intent is "work". */
  readonly policy: string;
  /** What the destinations say beside hosts and credential. */
  readonly destination?: Readonly<Record<string, unknown>>;
  /** Whether a route leads to the same API too; unless said, one does. */
  readonly routed?: boolean;
  /** The protected API, on TLS and not yet listening. */
  readonly serve: (options: ServiceOptions) => Server;
}

const scopes = ['items:read', 'items:write'];

export async function startWorld({ policy, serve, destination, routed = true }: WorldOptions): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'exeat-interop-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const certificate = await createCertificate(folder, Object.values(apiNames));
  const audience = `https://${apiNames.proxy}/`;
  const authority = stack.use(await startAuthority(folder, { [audience]: scopes }));

  const check = createTokenCheck(authority, audience);
  const admit: ServiceOptions['admit'] = async (fields) => {
    const ownArrived = Object.values(fields).some((value) => String(value).includes(ownCredential));
    return ownArrived ? undefined : check(fields.authorization);
  };
  const server = serve({ ...certificate, admit });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  const whole = {
    connect_to: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: certificate.file,
    allow_private: true,
    credential: { kind: 'token-exchange', resource: audience, scope: scopes.join(' ') },
    ...destination,
  };
  const destinations = {
    proxied: { hosts: [apiNames.proxy], ...whole },
    ...(routed ? { routed: { route: apiRoute, url: `https://${apiNames.route}`, ...whole } } : {}),
  };
  const sidecar = stack.use(
    await startSidecar(folder, {
      policy,
      identity: { source: 'file', path: authority.tokenFile },
      authority: { issuer: authority.issuer, unsafe_cleartext: true },
      intents: { work: { description: 'Interop', destinations: Object.keys(destinations) } },
      destinations,
    }),
  );
  const kept = stack.move();
  return { sidecar, folder, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** A protected API that speaks HTTP/1.1; `answer` is what it does with a call whose token was good. */
export function httpApi(
  answer: (request: IncomingMessage, response: ServerResponse, claims: TokenClaims) => Promise<void>,
): WorldOptions['serve'] {
  return ({ cert, key, admit }) =>
    createServer({ cert, key }, (request, response) => {
      void admit(request.headers)
        .then((claims) => (claims === undefined ? void response.writeHead(401).end() : answer(request, response, claims)))
        .catch((error: unknown) => {
          process.emitWarning(`the API failed: ${String(error)}`);
          response.destroy();
        });
    });
}
