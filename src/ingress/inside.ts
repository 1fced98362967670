import type { Socket } from 'node:net';
import type { Caller } from '../call.ts';
import type { Refusal } from '../errors.ts';
import type { Told } from './socket-answer.ts';
import type { TunnelEnd } from './target.ts';

/** What a CONNECT has settled for whatever is said inside of it. */
export interface Inside {
  readonly end: TunnelEnd;
  /** The connection that the CONNECT came on. */
  readonly socket: Socket;
  /** As the CONNECT presented it: looked up anew for each request. */
  readonly caller: Caller;
  /** Why every request in here is refused. */
  readonly objection: Refusal | undefined;
  /** The answer to whatever is asked in here, where the tunnel as a whole is a call and that call was refused. */
  readonly told?: Told | undefined;
  /** Something has been asked in here. */
  asked: boolean;
}
