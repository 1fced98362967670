import type { CallEvent } from '../audit/audit.ts';
import type { Bench } from './bench.ts';
import type { CallLog } from './log.ts';
import { loggedCall, type LoggedCall } from './logged.ts';

/** What other policies make of calls that were made. */
export interface Replay {
  readonly calls: number;
  readonly unchanged: number;
  readonly changes: readonly Change[];
  /** Calls to destinations, hosts or intents that the configuration does not have any more, or that it would not take. */
  readonly unknown: number;
  /** Calls about which these policies read what no log holds, and so were decided without. */
  readonly uncertain: number;
  /** What they read of them. */
  readonly untold: readonly string[];
}

/** Calls that one operation was used for, and that would go another way now. */
export interface Change {
  readonly from: Outcome;
  readonly to: Outcome;
  readonly operation: string;
  readonly intent: string;
  readonly calls: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Of some of them the log holds less than these policies read. */
  readonly uncertain: boolean;
  /** One of them. */
  readonly example: string;
}

type Outcome = 'allow' | 'deny' | 'approval' | 'would_deny';

export async function replay(bench: Bench, { calls, origins }: CallLog): Promise<Replay> {
  const changes = new Map<string, { -readonly [K in keyof Change]: Change[K] }>();
  const untold = new Set<string>();
  let [unchanged, unknown, uncertain] = [0, 0, 0];
  for (const event of calls) {
    const logged = loggedCall(bench, event, origins);
    if (logged === undefined) {
      unknown += 1;
      continue;
    }
    const guessed = guessedOf(logged, bench);
    if (guessed.length > 0) uncertain += 1;
    for (const path of guessed) untold.add(path);
    const { decision: to, policies: after } = await bench.decide(logged.request);
    const from = outcomeOf(event);
    if (from === to) {
      unchanged += 1;
      continue;
    }
    const { operation = '', intent = '', policies: before = [] } = event;
    const key = JSON.stringify([from, to, operation, intent, before, after]);
    const change = changes.get(key) ?? { from, to, operation, intent, calls: 0, before, after, uncertain: false, example: event.call };
    change.calls += 1;
    change.uncertain ||= guessed.length > 0;
    changes.set(key, change);
  }
  const sorted = [...changes.values()].toSorted((a, b) => b.calls - a.calls);
  return { calls: calls.length, unchanged, changes: sorted, unknown, uncertain, untold: [...untold].toSorted() };
}

/** What these policies read of a call that the log does not tell. */
function guessedOf({ request, untold }: LoggedCall, bench: Bench): readonly string[] {
  const reads = bench.reads(request);
  return reads?.filter((path) => untold.some((each) => path === each || path.startsWith(`${each}.`))) ?? untold;
}

/** As policy had it then: what was approved, and what was not, it wanted a yes for. */
export function outcomeOf({ decision = 'deny', approval, code }: CallEvent): Outcome {
  const asked = decision === 'allow' ? approval !== undefined : code === 'approval_required' || code === 'approval_denied';
  return asked ? 'approval' : decision;
}
