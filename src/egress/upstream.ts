import type { InboundCall, Outcome, Reply } from '../call.ts';
import type { Credential } from '../credentials/credential.ts';
import type { ErrorCode } from '../errors.ts';
import type { Permit } from '../policy/policy.ts';
import type { RunningCall } from '../tasks/task.ts';

/** The call as its task may cut it: egress asks `cutCode` before it dials and is told of a later cut at once. */
export interface CallControl extends RunningCall {
  readonly cutCode: ErrorCode | undefined;
  onCut(listener: (code: ErrorCode) => void): void;
}

export interface Exchange {
  readonly call: InboundCall;
  readonly reply: Reply;
  readonly control: CallControl;
  /** The body, where it has been read whole. */
  readonly body?: Buffer | undefined;
  /** The answer will be read: it is asked for whole, in no content coding. */
  readonly readsAnswer?: boolean;
}

/** Sends a permitted call on its way and streams the answer back. What the network does wrong is in the outcome, not thrown. */
export interface Upstream extends AsyncDisposable {
  forward(permit: Permit, credential: Credential | undefined, exchange: Exchange): Promise<Outcome>;
  /** Relays a tunnel unread, both ways, until it ends; never with a credential. The call's body is what the client sends. */
  tunnel(permit: Permit, exchange: Exchange): Promise<Outcome>;
}
