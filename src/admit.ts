import type { ConnectCall } from './call.ts';
import { isRefusal, refuse, type Refusal } from './errors.ts';
import type { Stages } from './pipeline.ts';

/** How a tunnel is to be treated. */
export interface Admission {
  readonly scheme: 'http' | 'https';
  readonly tls: 'intercept' | 'tunnel';
  /** In clear, HTTP/2 is spoken from the first byte on: nothing else tells. */
  readonly http2: boolean;
  /** When the task was opened; decides which CA signs (epoch ms). */
  readonly openedAt: number;
}

/**
 * CONNECT is a gate, not a call: it costs nothing, dials nothing and leaves no event. It asks for a known task and for a destination at exactly
 * this host and port; whether the task may use it is for the calls inside to find out, where clients show the answer.
 */
export function admit({ graph, tasks }: Pick<Stages, 'graph' | 'tasks'>, { caller, requested }: ConnectCall): Admission | Refusal {
  const task = tasks.authenticate(caller);
  if (task === undefined) return refuse('task_credential_missing');
  if (isRefusal(task)) return task;
  for (const scheme of ['https', 'http'] as const) {
    const target = graph.destinations.resolve({ ...requested, door: 'tunnel', scheme });
    if (!isRefusal(target))
      return { scheme, tls: target.destination.tls, http2: target.destination.protocol === 'grpc', openedAt: task.openedAt };
  }
  const { host } = requested;
  const isKnown = graph.destinations.all.some(({ hosts }) => hosts.includes(host));
  return refuse('destination_unknown', isKnown ? { detail: otherPort } : {});
}

const otherPort =
  'This host is configured, but not at this port. Use the scheme and port that the operator has given it under "destinations".';
