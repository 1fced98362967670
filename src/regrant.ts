import { CallRecord } from './call-record.ts';
import { isRefusal, type ErrorCode } from './errors.ts';
import type { Graph } from './pipeline.ts';
import { grant } from './policy/policy.ts';
import type { TaskGate } from './tasks/task.ts';

/** A stream goes on only while the new policy would let it begin. */
export function cutWhatIsNoLongerGranted(graph: Graph, tasks: Pick<TaskGate, 'check' | 'running'>): void {
  for (const record of tasks.running()) {
    if (!(record instanceof CallRecord)) continue;
    void stillGranted(record, graph, tasks).then(
      (code) => code !== undefined && record.cut(code),
      () => record.cut('policy_error'),
    );
  }
}

async function stillGranted(record: CallRecord, graph: Graph, tasks: Pick<TaskGate, 'check'>): Promise<ErrorCode | undefined> {
  const request = record.permit?.request;
  if (request === undefined) return undefined;
  const target = graph.destinations.resolve(record.call.requested);
  if (isRefusal(target)) return target.refused;
  const closed = tasks.check(request.task, target.destination.name);
  // A paused task starts nothing new; what runs goes on.
  if (closed !== undefined && closed.refused !== 'task_paused') return closed.refused;
  const operation = graph.classifier.classify({ method: record.call.method, target });
  if (operation === undefined) return 'policy_denied';
  const again = { ...request, target, operation, time: Date.now() };
  const permit = grant(again, await graph.policy.decide(again));
  return isRefusal(permit) ? permit.refused : undefined;
}
