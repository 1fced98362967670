import { CallRecord } from './call-record.ts';
import type { Target } from './destination.ts';
import { isRefusal, type ErrorCode } from './errors.ts';
import type { Graph } from './pipeline.ts';
import { grant } from './policy/policy.ts';
import { operationName } from './protocol/operation.ts';
import type { TaskGate } from './tasks/task.ts';

/** A stream goes on only while the new policy would let it begin. */
export function cutWhatIsNoLongerGranted(graph: Graph, tasks: Pick<TaskGate, 'check' | 'planned' | 'running'>): void {
  for (const record of tasks.running()) {
    if (!(record instanceof CallRecord)) continue;
    void stillGranted(record, graph, tasks).then(
      (code) => code !== undefined && record.cut(code),
      () => record.cut('policy_error'),
    );
  }
}

/** Why a call would not be let go by this graph; undefined = it would. */
export async function stillGranted(
  record: CallRecord,
  graph: Graph,
  tasks: Pick<TaskGate, 'check' | 'planned'>,
): Promise<ErrorCode | undefined> {
  const request = record.permit?.request;
  if (request === undefined) return undefined;
  const target = graph.destinations.resolve(record.call.requested);
  if (isRefusal(target)) return target.refused;
  const { task } = request;
  const closed = tasks.check(task, target.destination.name);
  // A paused task starts nothing new, and a completed one has its drain: what runs goes on.
  if (closed !== undefined && closed.refused !== 'task_paused' && closed.refused !== 'task_completed') return closed.refused;
  if (!task.destinations.has(target.destination.name)) return 'destination_outside_intent';
  const operation = await operationAgain(record, { target, graph });
  if (operation === undefined || isRefusal(operation)) return 'policy_denied';
  for (const each of [operation, ...(operation.also ?? [])]) {
    const planned = tasks.planned(task, operationName(target, each));
    const renewed = { ...request, planned, target, operation: each, time: Date.now() };
    const permit = grant(renewed, await graph.policy.decide(renewed), each === operation ? record.approval : undefined);
    if (isRefusal(permit)) return permit.refused;
  }
  return undefined;
}

/** A message was read once: what it does stays the same while its destination speaks the same protocol. */
function operationAgain(
  { call, operation, target: before }: CallRecord,
  { target, graph }: { readonly target: Target; readonly graph: Graph },
): ReturnType<Graph['classifier']['classify']> {
  if (operation?.message === undefined) return graph.classifier.classify({ ...call, target, websocket: call.upgrade !== undefined });
  return target.destination.protocol === before?.destination.protocol ? operation : undefined;
}
