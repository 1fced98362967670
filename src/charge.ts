import type { CallRecord } from './call-record.ts';
import type { Destination } from './destination.ts';
import type { Charge, Spent } from './tasks/task.ts';

/** Of a request that does not say what the model may write at most. */
const assumedTokens = 4096;
/** Fewer bytes make no token, as a rule; pictures and files need fewer tokens than that. */
const bytesToAToken = 4;
const mostAssumedInput = 32_768;

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

/** What it has used in the end; where the provider does not say, what was taken stays taken. */
export function spentBy({ operation, target, outcome, usage }: CallRecord): Spent {
  const bytes = (outcome?.requestBytes ?? 0) + (outcome?.responseBytes ?? 0);
  const { llm } = operation ?? {};
  // Nothing was asked of a model that never had the request.
  if (llm !== undefined && outcome?.status === undefined) return { bytes, tokens: 0, cost: 0 };
  if (usage === undefined || llm === undefined || target === undefined) return { bytes };
  return { bytes, tokens: usage.inputTokens + usage.outputTokens, cost: costOf(target.destination, llm.model, usage) };
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
