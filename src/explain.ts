import type { Requested } from './call.ts';
import { isRefusal, type Refusal } from './errors.ts';
import type { Principal } from './identity/identity.ts';
import type { Graph } from './pipeline.ts';
import { grant } from './policy/policy.ts';
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
  const planned = task.plan.size === 0 || task.plan.has(name);
  const request = { principal, task, planned, target, operation, time: Date.now() };
  const { decision, policies, errors } = await graph.policy.explain(request);
  const permit = grant(request, decision);
  const outside = !task.destinations.has(target.destination.name);
  return {
    operation: name,
    decision: outside || isRefusal(permit) ? 'deny' : permit.observed ? 'would_deny' : 'allow',
    ...(outside ? { reason: 'destination_outside_intent' } : isRefusal(permit) ? { reason: permit.refused } : {}),
    policies,
    errors,
    policy_digest: graph.policy.digest,
    would_issue: target.destination.credentialKind ?? null,
  };
}
