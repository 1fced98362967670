import type { IncomingHttpHeaders } from 'node:http';
import type { Server } from 'node:net';
import type { TokenClaims } from '../support/token-check.ts';
import type { Command, Unmodified } from './client.ts';

/** What a service is asked to do, so that policy and revocation have something to do. */
export type Deed = 'allowed' | 'denied' | 'followed';

/** What the client gives as its own key or token, wherever its API wants one: it must not arrive. */
export const ownCredential = 'of-the-agent';

export interface ServiceOptions {
  readonly cert: string;
  readonly key: string;
  /** Who calls, when the fields hold a good token of Exeat's and nothing of the agent's own. Without that the service must refuse. */
  readonly admit: (fields: IncomingHttpHeaders) => Promise<TokenClaims | undefined>;
}

/**
 * A client of more than single requests. `allowed` makes it print the task that the service was shown; `denied` is what its policy does not permit;
 * `followed` is a stream that prints `event 1` and would print `event 2`, or `done` at its end, when it is not cut.
 */
export interface ServiceClient extends Unmodified {
  /** Cedar. */
  readonly policy: string;
  /** What its destination says beside hosts and credential, e.g. `protocol`. */
  readonly destination?: Readonly<Record<string, unknown>>;
  /** The service, on TLS and not yet listening. */
  readonly serve: (options: ServiceOptions) => Server;
  /** Finds, installs or builds the client. Fails, saying what to install, where that cannot be. `origin` is `https://host` without a path. */
  readonly prepare: () => Promise<(deed: Deed, origin: string) => Command>;
  /** How it shows that policy denied a call; unless given, by the code of the refusal. */
  readonly denied?: RegExp;
  /** How it shows that its task was revoked; unless given, by the code of the refusal. */
  readonly revoked?: RegExp;
}
