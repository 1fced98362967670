import type { Bench } from './bench.ts';
import type { FixtureResult } from './fixtures.ts';

/** Which policies decided a fixture. */
export interface Coverage {
  readonly policies: number;
  readonly exercised: number;
  readonly percent: number;
  readonly unexercised: readonly string[];
}

/** Of all policies of the bench; what an engine does not name one by one does not count. */
export function coverageOf({ policy }: Bench, results: readonly FixtureResult[]): Coverage {
  const all = (policy.sources ?? []).map(({ id }) => id);
  const hit = new Set(results.flatMap(({ policies }) => policies));
  const unexercised = all.filter((id) => !hit.has(id));
  const exercised = all.length - unexercised.length;
  return { policies: all.length, exercised, percent: all.length === 0 ? 100 : Math.floor((100 * exercised) / all.length), unexercised };
}
