import type { CallRecord } from './call-record.ts';
import type { Destination } from './destination.ts';
import type { Charge, Spent } from './tasks/task.ts';

/** Of a request that does not say what the model may write at most. */
const assumedTokens = 4096;
/** Fewer bytes make no token, as a rule; pictures and files need fewer tokens than that. */
const bytesToAToken = 4;
const mostAssumedInput = 32_768;

type Spending = Pick<CallRecord, 'operation' | 'target' | 'outcome' | 'usage' | 'charge' | 'answerEvents'>;

const nothing: Charge = Object.freeze({});

/** What a call takes off the budgets at its begin: for a model as much as the request lets it use. */
export function chargeOf({ operation, target, held }: CallRecord): Charge {
  const { mcp, llm } = operation ?? {};
  if (operation?.group === 'call_tool') return { tool: `${target?.destination.name} ${mcp?.name}` };
  if (llm === undefined || target === undefined) return nothing;
  const input = Math.min(mostAssumedInput, Math.ceil((held?.bytes.length ?? 0) / bytesToAToken));
  const output = (llm.maxTokens ?? assumedTokens) * llm.answers;
  const cost = costOf(target.destination, llm.model, { inputTokens: input, outputTokens: output });
  return { tokens: input + output, ...(cost === undefined ? { unpriced: true } : { cost }) };
}

/**
 * What it has used in the end. Where the provider does not say, or the answer was broken off before its last word on it, what was taken stays taken, and
 * an answer of more events than that is counted by them: no client reads on for free by leaving early, or by not asking for the figures.
 */
export function spentBy({ operation, target, outcome, usage, charge, answerEvents }: Spending): Spent {
  const bytes = (outcome?.requestBytes ?? 0) + (outcome?.responseBytes ?? 0);
  const { llm } = operation ?? {};
  if (llm === undefined || target === undefined) return { bytes };
  // Nothing was asked of a model that never had the request.
  if (outcome?.status === undefined) return { bytes, tokens: 0, cost: 0 };
  const used = usage ?? { inputTokens: 0, outputTokens: 0 };
  if (usage !== undefined && outcome.code === undefined)
    return { bytes, tokens: usage.inputTokens + usage.outputTokens, cost: costOf(target.destination, llm.model, usage) };
  const seen = { inputTokens: used.inputTokens, outputTokens: Math.max(used.outputTokens, answerEvents) };
  const tokens = Math.max(charge.tokens ?? 0, seen.inputTokens + seen.outputTokens);
  return { bytes, tokens, cost: Math.max(charge.cost ?? 0, costOf(target.destination, llm.model, seen) ?? 0) };
}

/** In millionths: a price is for a million tokens. */
function costOf(
  { models }: Destination,
  model: string,
  { inputTokens, outputTokens }: { readonly inputTokens: number; readonly outputTokens: number },
): number | undefined {
  const price = models?.prices.get(model) ?? models?.prices.get('*');
  return price && Math.ceil(inputTokens * price.input + outputTokens * price.output);
}
