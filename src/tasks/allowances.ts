import { refuse, type Refusal } from '../errors.ts';
import type { Records } from '../state.ts';
import { createMeter, type Meter } from './meter.ts';
import type { AllowanceLine, Limits } from './limits.ts';
import type { Charge, Spent } from './task.ts';

/** What of the limits is left, to one task or to several that share them. */
export interface Allowances {
  /** Why a call that may use so much does not go. */
  refusal(charge: Charge): Refusal | undefined;
  /** Throws, with nothing used, when it cannot be written down. */
  take(charge: Charge): void;
  settle(charge: Charge, spent: Spent): void;
  lines(): readonly AllowanceLine[];
  /** The exact counts, written down. */
  close(): void;
  /** Nothing of it is kept. */
  forget(): void;
}

export interface AllowancesOptions {
  readonly limits: Limits;
  readonly records: Records<number>;
  /** Marks found on disk, by their ids. */
  readonly marks: ReadonlyMap<string, number>;
  /** Before each of its ids. */
  readonly prefix: string;
  /** What stands for them in a refusal: "this task's", "the agent's own". */
  readonly whose: string;
  /** Whole seconds until there is more; undefined: never. */
  readonly renewedInS?: () => number;
}

/** undefined: there are no limits. */
export function createAllowances({ limits, records, marks, prefix, whose, renewedInS }: AllowancesOptions): Allowances | undefined {
  const all = limitsByName(limits);
  if (all.length === 0) return undefined;
  const meters = new Map<string, Meter>(
    all.map(([name, limit]) => {
      const id = `${prefix} ${name}`;
      return [name, createMeter({ limit, reserved: marks.get(id) ?? 0, save: (mark) => records.put(id, mark) })];
    }),
  );

  function amountsOf(charge: Charge): (readonly [name: string, meter: Meter, amount: number])[] {
    return [...meters].flatMap(([name, meter]) => {
      const amount = amountOf(name, charge);
      return amount === undefined ? [] : [[name, meter, amount] as const];
    });
  }

  return {
    refusal(charge) {
      if (charge.unpriced === true && meters.has('cost')) return refuse('budget_spent', { detail: unpriced });
      const short = amountsOf(charge).find(([, { left }, amount]) => left < Math.max(1, amount));
      if (short === undefined) return undefined;
      const [name, { left, limit }, amount] = short;
      const retryAfterS = renewedInS?.();
      const renewal = retryAfterS === undefined ? '' : ` There is more in ${Math.ceil(retryAfterS / 60)} min.`;
      const asked = amount > 1 ? `, and the call may use ${inUnits(name, amount)}` : '';
      return refuse('budget_spent', {
        detail: `Of ${whose} budget of ${inUnits(name, limit)} ${inUnits(name, left)} are left${asked}.${renewal}`,
        ...(retryAfterS === undefined ? {} : { retryAfterS }),
      });
    },
    take(charge) {
      for (const [, meter, amount] of amountsOf(charge)) meter.take(amount);
    },
    settle(charge, spent) {
      meters.get('bytes')?.settle(0, spent.bytes);
      if (charge.tokens !== undefined) meters.get('tokens')?.settle(charge.tokens, spent.tokens ?? charge.tokens);
      if (charge.cost !== undefined) meters.get('cost')?.settle(charge.cost, spent.cost ?? charge.cost);
    },
    lines: () => [...meters].map(([what, { limit, used, left }]) => ({ what, limit, used, left })),
    close() {
      for (const meter of meters.values()) meter.close();
    },
    forget() {
      for (const name of meters.keys()) records.delete(`${prefix} ${name}`);
    },
  };
}

const unpriced =
  'The budget counts cost, and no price is configured for this model. Use another model, or ask the operator for its price under "models.prices".';

function limitsByName({ bytes, tokens, cost, tools = {} }: Limits): (readonly [name: string, limit: number])[] {
  const plain = Object.entries({ bytes, tokens, cost }).flatMap(([name, limit]) => (limit === undefined ? [] : [[name, limit] as const]));
  return [...plain, ...Object.entries(tools).map(([tool, limit]) => [`tool ${tool}`, limit] as const)];
}

/** How much a call takes at its begin; undefined: nothing of that kind. Bytes are known at its end. */
function amountOf(name: string, { tool, tokens, cost }: Charge): number | undefined {
  if (name === 'bytes') return 0;
  if (name === 'tokens') return tokens;
  if (name === 'cost') return cost;
  return tool !== undefined && name === `tool ${tool}` ? 1 : undefined;
}

function inUnits(name: string, amount: number): string {
  if (name === 'cost') return `${(amount / 1e6).toFixed(2)} in cost`;
  return name.startsWith('tool ') ? `${amount} calls of this tool` : `${amount} ${name}`;
}
