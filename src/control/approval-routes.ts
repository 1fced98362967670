import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { duration, z } from '../settings.ts';
import { approvalView, type ApprovalControl, type ApprovalView } from '../tasks/approval.ts';
import type { Answer, Route } from './routes.ts';

const allowBody = z.strictObject({
  uses: z.number().int().positive().max(1000).default(1),
  for: duration.optional().meta({ description: 'how long the yes stands; within the task' }),
});

/** Never the agent, nor whoever holds a task: nobody says yes to their own question. */
const approvers = ['operator', 'approver'] as const;

export function approvalRoutes(approvals: ApprovalControl): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/approvals',
      summary: 'What waits for approval, and what was decided and still stands',
      roles: approvers,
      result: z.strictObject({ approvals: z.array(approvalView) }),
      answer: () => ({ status: 200, body: { approvals: approvals.list() } }),
    },
    {
      method: 'GET',
      path: '/v1/approvals/{id}',
      summary: 'One question',
      roles: approvers,
      result: approvalView,
      answer: ({ id }) => answerOf(approvals.get(id) ?? refuse('not_found')),
    },
    {
      method: 'POST',
      path: '/v1/approvals/{id}/allow',
      summary: 'Let this very operation, with these arguments, go: once unless said, for a while',
      roles: approvers,
      body: allowBody,
      result: approvalView,
      answer({ asker, id, body }) {
        const { uses, for: forMs } = body as z.output<typeof allowBody>;
        return answerOf(approvals.allow(id, asker.role, { uses, forMs }));
      },
    },
    {
      method: 'POST',
      path: '/v1/approvals/{id}/deny',
      summary: 'Say no; the same call is refused until the question has expired',
      roles: approvers,
      result: approvalView,
      answer: ({ asker, id }) => answerOf(approvals.deny(id, asker.role)),
    },
  ];
}

function answerOf(view: ApprovalView | Refusal): Answer | Refusal {
  return isRefusal(view) ? view : { status: 200, body: view };
}
