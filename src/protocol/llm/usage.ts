import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { ModelUsage } from '../message.ts';

/** The tokens that an answer, or one event of it, reports; undefined: none. Only at the places where providers put them: what a model wrote is not believed. */
export function usageIn(answer: JsonValue): ModelUsage | undefined {
  // Gemini's streams are one list, unless events are asked for.
  if (Array.isArray(answer)) return answer.map(usageIn).reduce((all, each) => (each === undefined ? all : most(all, each)), undefined);
  if (!isObject(answer)) return undefined;
  const { usage, response, message, usageMetadata, metadata } = answer;
  for (const place of [usage, memberOf(response, 'usage'), memberOf(message, 'usage'), usageMetadata, memberOf(metadata, 'usage')]) {
    const found = isObject(place) ? tokensOf(place) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Events of one answer report in parts: what counts is the largest figure of each. */
export function most(one: ModelUsage | undefined, other: ModelUsage): ModelUsage {
  return {
    inputTokens: Math.max(one?.inputTokens ?? 0, other.inputTokens),
    outputTokens: Math.max(one?.outputTokens ?? 0, other.outputTokens),
  };
}

function tokensOf(usage: JsonObject): ModelUsage | undefined {
  const input = sum(usage, ['input_tokens', 'prompt_tokens', 'inputTokens', 'promptTokenCount']);
  // Anthropic counts what it reads from its cache beside the rest; OpenAI within it.
  const cached = sum(usage, ['cache_creation_input_tokens']) + sum(usage, ['cache_read_input_tokens']);
  const output =
    sum(usage, ['output_tokens', 'completion_tokens', 'outputTokens', 'candidatesTokenCount']) + sum(usage, ['thoughtsTokenCount']);
  return input + cached + output === 0 ? undefined : { inputTokens: input + cached, outputTokens: output };
}

function sum(usage: JsonObject, names: readonly string[]): number {
  for (const name of names) {
    const value = usage[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  }
  return 0;
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(value) ? value[name] : undefined;
}
