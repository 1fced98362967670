import { size, z } from '../settings.ts';

const count = z.number().int().positive().max(1_000_000_000);

/** What a task may use. Of tasks that the agent opens for itself all of one intent share it, but for the calls, for an hour at a time. */
export const budget = z.strictObject({
  calls: count.optional(),
  bytes: size.optional().meta({ description: 'request and response bodies together; a call that runs is not cut when they are spent' }),
  tokens: count.optional().meta({ description: 'of models, in and out' }),
  cost: z.number().positive().max(1e9).optional().meta({ description: 'of models, by "models.prices"' }),
  tools: z
    .record(z.string().regex(/^\S+ \S/, 'expected "destination tool"'), count)
    .optional()
    .meta({ description: 'calls of MCP tools', examples: [{ 'tickets delete': 1 }] }),
});

/** Limits beside that of calls: `bytes` both ways, `tokens` and `cost` of models (millionths of the currency that prices are in), and calls of tools by name. */
export interface Limits {
  readonly bytes?: number | undefined;
  readonly tokens?: number | undefined;
  readonly cost?: number | undefined;
  /** `destination tool`. */
  readonly tools?: Readonly<Record<string, number>> | undefined;
}

/** One line of a report. */
export interface AllowanceLine {
  readonly what: string;
  readonly limit: number;
  readonly used: number;
  readonly left: number;
}

/** Limits in the units that are counted in. */
export function limitsOf(said: z.output<typeof budget> | undefined): Limits {
  const { bytes, tokens, cost, tools } = said ?? {};
  return { bytes, tokens, cost: cost === undefined ? undefined : Math.floor(cost * 1e6), tools };
}
