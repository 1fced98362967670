/** Distinct names kept for one task, and the length of the longest; what goes beyond is counted together. */
const maxNames = 500;
const maxNameLength = 512;
const others = 'other';

export type OperationCount = readonly [operation: string, calls: number];

/** Which operations a task has used, and how often. Planned ones always keep their own line. */
export interface OperationLedger {
  count(operation: string): void;
  /** How many names it holds. */
  readonly size: number;
  /** In order of first use. */
  executed(): OperationCount[];
  /** Executed without being in the plan. Empty for a task without a plan. */
  unplanned(): string[];
  /** In the plan and never executed. */
  missed(): string[];
}

/** `counted` continues a ledger that was written down. */
export function createOperationLedger(plan: ReadonlySet<string>, counted: readonly OperationCount[] = []): OperationLedger {
  const counts = new Map<string, number>(counted);
  return {
    count(operation) {
      const calls = counts.get(operation);
      if (calls !== undefined) counts.set(operation, calls + 1);
      else if (plan.has(operation) || (counts.size < maxNames && operation.length <= maxNameLength)) counts.set(operation, 1);
      else counts.set(others, (counts.get(others) ?? 0) + 1);
    },
    get size() {
      return counts.size;
    },
    executed: () => [...counts],
    unplanned: () => (plan.size === 0 ? [] : [...counts.keys()].filter((name) => !plan.has(name))),
    missed: () => [...plan].filter((name) => !counts.has(name)),
  };
}
