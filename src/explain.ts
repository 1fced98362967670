import type { Requested } from './call.ts';
import { isRefusal, type Refusal } from './errors.ts';
import type { Principal } from './identity/identity.ts';
import type { Graph } from './pipeline.ts';
import { grant, type AccessRequest, type Explanation, type Permit } from './policy/policy.ts';
import type { MessageSource } from './protocol/message.ts';
import { operationName } from './protocol/operation.ts';
import type { Task } from './tasks/task.ts';

export interface ExplainInput {
  readonly principal: Principal;
  readonly task: Task;
  readonly method: string;
  readonly requested: Requested;
  /** The call is a WebSocket handshake. */
  readonly websocket: boolean;
  /** Headers and body, for destinations whose messages are read. */
  readonly source: MessageSource;
}

/** A dry run: the decision, the policies that determined it, and what would be issued. Sends nothing, spends nothing. */
export async function explain(
  graph: Graph,
  { principal, task, method, requested, websocket, source }: ExplainInput,
): Promise<object | Refusal> {
  const target = graph.destinations.resolve(requested);
  if (isRefusal(target)) return target;
  const grpc = target.destination.protocol === 'grpc';
  const operation = await graph.classifier.classify({ method, target, websocket, grpc }, source);
  if (operation === undefined) return { decision: 'deny', reason: websocket ? 'upgrade_refused' : grpc ? 'grpc_only' : 'method_refused' };
  if (isRefusal(operation)) return { decision: 'deny', reason: operation.refused };
  const name = operationName(target, operation);
  if (operation.barred !== undefined) return { operation: name, decision: 'deny', reason: operation.barred.refused };
  const request = { principal, task, planned: true, target, operation, time: Date.now() };
  const outside = !task.destinations.has(target.destination.name);
  const { permit, explanation } = await deciding(graph, request);
  const { trial } = explanation.decision;
  return {
    operation: name,
    decision: outside || isRefusal(permit) ? 'deny' : permit.observed ? 'would_deny' : 'allow',
    ...(outside ? { reason: 'destination_outside_intent' } : isRefusal(permit) ? { reason: permit.refused } : {}),
    policies: explanation.policies,
    ...(trial && { trial: { decision: trial.allow ? 'allow' : 'deny', policies: trial.policies } }),
    errors: explanation.errors,
    policy_digest: graph.policy.digest,
    would_issue: target.destination.credentialKind ?? null,
  };
}

interface Part {
  readonly permit: Permit | Refusal;
  readonly explanation: Explanation;
}

/** Of all that a message does: what is refused, else what is only observed, else what it mainly does. */
async function deciding(graph: Graph, like: AccessRequest): Promise<Part> {
  const { task, target } = like;
  const parts: Part[] = [];
  for (const operation of [like.operation, ...(like.operation.also ?? [])]) {
    const planned = task.plan.size === 0 || task.plan.has(operationName(target, operation));
    const request = { ...like, operation, planned };
    const explanation = await graph.policy.explain(request);
    parts.push({ permit: grant(request, explanation.decision), explanation });
  }
  const refused = parts.find(({ permit }) => isRefusal(permit));
  const observed = parts.find(({ permit }) => !isRefusal(permit) && permit.observed);
  return refused ?? observed ?? (parts[0] as Part);
}
