import type { AuditSink } from '../audit/audit.ts';
import type { Credential } from '../credentials/credential.ts';
import { ExeatError } from '../errors.ts';
import type { Permit } from '../policy/policy.ts';
import type { Clients } from './client.ts';
import { createEchoes } from './echoes.ts';
import { Forwarding } from './forward.ts';
import { requestHeaders } from './headers.ts';
import { Tunnelling } from './tunnel.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamOptions {
  readonly clients: Clients;
  /** Our own entry in Via, unguessable. */
  readonly via: string;
  readonly audit: Pick<AuditSink, 'append'>;
}

/** Forwards over undici's `dispatch`: no stream objects between the sockets, back-pressure both ways, nothing buffered. */
export function createUpstream({ clients, via, audit }: UpstreamOptions): Upstream {
  const echoes = createEchoes(audit);
  return {
    forward(permit, credential, exchange) {
      const { target } = permit.request;
      assertBound(permit, credential);
      const guard = echoes.guard(permit, credential, exchange.call);
      const outgoing = requestHeaders(exchange.call, target, { via, credential, search: guard, readsAnswer: exchange.readsAnswer });
      return new Promise((resolve) => {
        const handler = new Forwarding({ clients, exchange, target, outgoing, injected: credential !== undefined, guard, resolve });
        const { destination } = target;
        const origin = { scheme: destination.scheme, host: target.host, port: destination.port };
        clients.to(origin, destination).dispatch(
          {
            path: target.query === '' ? target.path : target.path + target.query,
            method: exchange.call.method,
            headers: outgoing.headers,
            body: exchange.body ?? exchange.call.body ?? null,
            upgrade: exchange.call.upgrade === undefined ? null : 'websocket',
          },
          handler,
        );
      });
    },
    tunnel: (permit, exchange) => new Tunnelling(permit, exchange, clients).run(),
    [Symbol.asyncDispose]: () => clients[Symbol.asyncDispose](),
  };
}

/** The last check before a secret leaves: issued for this destination, over TLS or by explicit leave, which the address guard holds to loopback. */
function assertBound(permit: Permit, credential: Credential | undefined): void {
  if (credential === undefined) return;
  const { destination } = permit.request.target;
  if (credential.lease.destination !== destination.name)
    throw new ExeatError('internal_error', 'a credential was offered to a destination it was not issued for');
  if (destination.scheme !== 'https' && !destination.unsafeCleartext)
    throw new ExeatError('internal_error', 'a credential must not leave in clear');
}
