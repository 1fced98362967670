import type { Refusal } from '../errors.ts';
import { z } from '../settings.ts';
import type { Task } from './task.ts';

/** A call that policy lets go only after someone's yes. */
export interface Question {
  readonly task: Task;
  /** `destination group resource`. */
  readonly operation: string;
  /** The policy that asks for it. */
  readonly rule: string;
  /** The call that asks first. */
  readonly call: string;
  /** SHA-256 over the operation and its arguments, base64url: what the yes is for, and nothing else. */
  readonly digest: string;
  /** What an approver is shown of the arguments. */
  readonly shown: string;
  /** Called back when nobody waits for the answer any more. */
  onGone(listener: () => void): void;
}

/** What the spine needs of approvals. */
export interface ApprovalGate {
  /** Takes one use of a grant for exactly this; else asks, and refuses with the handle or holds the call until someone has decided. */
  ask(question: Question): Approved | Refusal | Promise<Approved | Refusal>;
}

/** Evidence that someone said yes to this very call. */
export interface Approved {
  readonly approval: string;
}

const at = z.iso.datetime();

/** One question as approvers see it. */
export const approvalView = z.strictObject({
  id: z.string(),
  state: z.enum(['pending', 'allowed', 'denied']),
  task: z.string(),
  agent: z.string(),
  intent: z.string(),
  subject: z.string().nullable(),
  operation: z.string(),
  rule: z.string(),
  digest: z.string(),
  shown: z.string().meta({ description: 'the arguments, or the beginning of the body; from the agent' }),
  asked_at: at,
  expires_at: at.meta({ description: 'of the question while it is pending, else of the answer' }),
  uses_left: z.number().int(),
  decided_by: z.string().optional(),
});

export type ApprovalView = z.output<typeof approvalView>;

/** What the control API and the commands need of approvals. An unknown id is `not_found`, one that is decided already `conflict`. */
export interface ApprovalControl {
  list(): readonly ApprovalView[];
  get(id: string): ApprovalView | undefined;
  /** `uses` calls like the one that asked may go, within `forMs`. */
  allow(id: string, by: string, grant: { readonly uses: number; readonly forMs?: number | undefined }): ApprovalView | Refusal;
  deny(id: string, by: string): ApprovalView | Refusal;
}
