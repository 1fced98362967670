import type { State } from '../state.ts';
import { createAllowances, type Allowances } from './allowances.ts';
import { limitsOf } from './limits.ts';
import type { TaskSettings } from './settings.ts';

const windowMs = 3_600_000;

/** What tasks that the agent opens for itself may use together, by intent, in each hour: no other such task renews it. */
export interface SharedAllowances {
  of(intent: string): Allowances | undefined;
  close(): void;
}

export interface SharedOptions {
  readonly state: Pick<State, 'records'>;
  readonly settings: () => TaskSettings;
  readonly clock: () => number;
}

export function createSharedAllowances({ state, settings, clock }: SharedOptions): SharedAllowances {
  const records = state.records<number>('intent_spent');
  const marks = new Map(records.all().map(({ id, value }) => [id, value]));
  const byIntent = new Map<string, { readonly hour: number; readonly limits: string; readonly allowances: Allowances | undefined }>();
  for (const id of marks.keys()) if (!id.startsWith(`${hourOf(clock())} `)) records.delete(id);

  function close(): void {
    for (const { allowances } of byIntent.values()) {
      try {
        allowances?.close();
      } catch {}
    }
  }

  return {
    of(intent) {
      const hour = hourOf(clock());
      const limits = limitsOf(settings().intents[intent]?.budget);
      const text = JSON.stringify(limits);
      const known = byIntent.get(intent);
      if (known?.hour === hour && known.limits === text) return known.allowances;
      // Of the same hour what was used counts on, whatever a reload has made of the limits.
      for (const { what, used } of known?.hour === hour ? (known.allowances?.lines() ?? []) : [])
        marks.set(`${hour} ${intent} ${what}`, used);
      if (known !== undefined && known.hour !== hour) known.allowances?.forget();
      const allowances = createAllowances({
        limits,
        records,
        marks,
        prefix: `${hour} ${intent}`,
        whose: "the agent's own",
        renewedInS: () => Math.ceil(((hour + 1) * windowMs - clock()) / 1000),
      });
      byIntent.set(intent, { hour, limits: text, allowances });
      return allowances;
    },
    close,
  };
}

function hourOf(epochMs: number): number {
  return Math.floor(epochMs / windowMs);
}
