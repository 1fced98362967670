import { isRefusal, refuse, type Refusal } from '../errors.ts';
import type { Principal } from '../identity/identity.ts';
import { isoOrNull } from '../iso.ts';
import { duration, z } from '../settings.ts';
import type { ApprovalControl } from '../tasks/approval.ts';
import { budget, limitsOf } from '../tasks/limits.ts';
import { taskReport, taskSummary, type Task, type TaskControl } from '../tasks/task.ts';
import { approvalRoutes } from './approval-routes.ts';
import type { ControlRole } from './tokens.ts';

/** Who asks: a role, or the holder of one task's own credential. */
export type Asker = { readonly role: ControlRole; readonly task?: undefined } | { readonly role: 'task'; readonly task: Task };

/** One request, its body parsed and checked against the route's schema. */
export interface Ask {
  readonly asker: Asker;
  readonly id: string;
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** `/v1/tasks/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly roles: readonly Asker['role'][];
  readonly body?: z.ZodType;
  /** What a good answer looks like. */
  readonly result?: z.ZodType;
  answer(ask: Ask): Answer | Refusal | Promise<Answer | Refusal>;
}

/** What the control API acts on; passed in by the composition root. */
export interface ControlDeps {
  readonly tasks: TaskControl;
  readonly approvals: ApprovalControl;
  readonly identity: () => { readonly principal: Principal | undefined; readonly expiresAt: number | undefined };
  readonly explain: (request: ExplainRequest) => Refusal | Promise<object>;
  readonly reload: () => Promise<{ readonly reloaded: true } | { readonly reloaded: false; readonly reason: string }>;
}

const openBody = z.strictObject({
  intent: z.string().min(1),
  ttl: duration.optional(),
  plan: z.array(z.string().min(1)).max(500).optional(),
  budget: budget.optional(),
  subject_token: z.never({ error: 'not supported by this version: tasks act for the agent itself' }).optional(),
  grant: z.never({ error: 'not supported by this version: an orchestrator opens the task with its own token' }).optional(),
  parent: z.never({ error: 'not supported by this version: open a task of its own' }).optional(),
});

const openedResult = z.strictObject({
  id: z.string(),
  proxy_url: z.string().meta({ description: 'carries the task credential: set it as http_proxy' }),
  credential: z.string().meta({ description: 'id and secret, for Exeat-Task or in place of an API key on a route' }),
  expires_at: z.iso.datetime(),
});

export const explainBody = z.strictObject({
  task: z.string().min(1),
  method: z.string().regex(/^[A-Z]{1,20}$/),
  url: z.string().min(1).max(8192),
  body: z.string().max(60_000).optional().meta({ description: 'of a message: for destinations whose messages are read' }),
  headers: z.record(z.string().max(100), z.string().max(2000)).optional(),
});
export type ExplainRequest = z.output<typeof explainBody>;

const everyone = ['operator', 'orchestrator', 'agent', 'task'] as const;

const changes = {
  pause: ['operator', 'orchestrator'],
  resume: ['operator', 'orchestrator'],
  complete: ['operator', 'orchestrator', 'agent', 'task'],
  revoke: ['operator', 'orchestrator'],
} as const;

/** All of the API, one row a call; the OpenAPI document is made from the same rows. */
export function routesOf(deps: ControlDeps): readonly Route[] {
  const { tasks } = deps;

  /** Operators and orchestrators see every task; the agent those that it, as whom it is now, opened itself; a task's credential its own. */
  function maySee(asker: Asker, task: Pick<Task, 'id' | 'origin' | 'agent'>): boolean {
    if (asker.role === 'task') return asker.task.id === task.id;
    return asker.role !== 'agent' || (task.origin !== 'orchestrator' && task.agent === deps.identity().principal?.id);
  }

  /** What someone may not see is, to them, not there. Asks for no report: that of a task must not stand before its ending. */
  function visible(asker: Asker, id: string): boolean {
    const task = tasks.get(id);
    return task !== undefined && maySee(asker, task);
  }

  return [
    {
      method: 'POST',
      path: '/v1/tasks',
      summary: 'Open a task',
      roles: ['orchestrator', 'agent'],
      body: openBody,
      result: openedResult,
      answer({ asker, body }) {
        const { intent, ttl, plan, budget: said } = body as z.output<typeof openBody>;
        const opened = tasks.open(
          { intent, ttlMs: ttl, plan, calls: said?.calls, limits: limitsOf(said) },
          asker.role === 'agent' ? 'agent' : 'orchestrator',
        );
        if (isRefusal(opened)) return opened;
        const { task, proxyUrl, credential } = opened;
        const expiresAt = new Date(task.expiresAt).toISOString();
        return { status: 201, body: { id: task.id, proxy_url: proxyUrl.reveal(), credential: credential.reveal(), expires_at: expiresAt } };
      },
    },
    {
      method: 'GET',
      path: '/v1/tasks',
      summary: 'List tasks, newest first',
      roles: everyone,
      result: z.strictObject({ tasks: z.array(taskSummary) }),
      answer: ({ asker }) => ok({ tasks: tasks.list().filter((report) => maySee(asker, report)) }),
    },
    {
      method: 'GET',
      path: '/v1/tasks/{id}',
      summary: 'One task: state, counters, leases, planned and executed operations',
      roles: everyone,
      result: taskReport,
      answer({ asker, id }) {
        const report = visible(asker, id) ? tasks.report(id) : undefined;
        return report === undefined ? refuse('not_found') : ok(report);
      },
    },
    ...(Object.keys(changes) as (keyof typeof changes)[]).map((change): Route => ({
      method: 'POST',
      path: `/v1/tasks/{id}/${change}`,
      summary: `${change[0]?.toUpperCase()}${change.slice(1)} a task`,
      roles: changes[change],
      result: taskReport,
      async answer({ asker, id }) {
        if (!visible(asker, id)) return refuse('not_found');
        const report = await tasks[change](id, asker.role === 'operator' || asker.role === 'orchestrator' ? asker.role : 'agent');
        return isRefusal(report) ? report : ok(report);
      },
    })),
    ...approvalRoutes(deps.approvals),
    {
      method: 'POST',
      path: '/v1/agents/allow',
      summary: 'Let the agent open tasks for itself again after a revoke, or after one of its own ended while it was paused',
      roles: ['operator', 'orchestrator'],
      answer({ asker }) {
        return tasks.allow(asker.role) ?? ok({ allowed: true });
      },
    },
    {
      method: 'GET',
      path: '/v1/identity',
      summary: 'Who the agent is',
      roles: everyone,
      answer({ asker }) {
        const { principal, expiresAt } = deps.identity();
        if (principal === undefined) return refuse('identity_unavailable');
        if (asker.role !== 'operator') return ok({ id: principal.id });
        return ok({ ...principal, expires_at: isoOrNull(expiresAt) });
      },
    },
    {
      method: 'POST',
      path: '/v1/explain',
      summary: 'What would be decided about a call, and why; nothing is sent',
      roles: everyone,
      body: explainBody,
      async answer({ asker, body }) {
        const request = body as ExplainRequest;
        if (!visible(asker, request.task)) return refuse('not_found');
        const explained = await deps.explain(request);
        if (isRefusal(explained)) return explained;
        // Why an evaluation failed is said in the engine's words, for operators.
        return ok(asker.role === 'operator' ? explained : { ...explained, errors: undefined });
      },
    },
    {
      method: 'POST',
      path: '/v1/reload',
      summary: 'Read configuration and policies again',
      roles: ['operator'],
      result: z.strictObject({ reloaded: z.literal(true) }),
      async answer() {
        const result = await deps.reload();
        return result.reloaded ? ok(result) : refuse('conflict', { detail: `Nothing was changed. ${result.reason}` });
      },
    },
  ];
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}
