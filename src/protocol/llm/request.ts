import type { JsonObject, JsonValue } from '../../json-value.ts';
import type { ModelPath } from './api.ts';
import { linksIn, offeredTools, withInnerBodies, type OfferedTools } from './provider-tools.ts';

/** What one request asks a model for. */
export interface ModelRequest {
  readonly model: string;
  readonly streaming: boolean;
  readonly stored: boolean;
  readonly maxTokens: number | undefined;
  /** How many answers the model is to write, each up to `maxTokens`. */
  readonly answers: number;
  readonly tools: OfferedTools;
  readonly links: readonly string[];
  readonly members: readonly string[];
}

const longestName = 256;
/** What says that the request goes on from something that lies at the provider. */
const storedMembers = [
  'previous_response_id',
  'conversation',
  'prompt',
  'container',
  'cachedContent',
  'cached_content',
  'thread_id',
  'assistant_id',
  'preset',
];
/** Where gateways find models to turn to instead. */
const otherModels = ['models', 'fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks', 'fallback_models'];
const limitMembers = ['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'max_tokens_to_sample'];

const heeded = [
  ...'model stream tools functions mcp_servers plugins web_search_options toolConfig tool_config data_sources dataSources'.split(' '),
  ...'n best_of candidateCount maxTokens generationConfig generation_config inferenceConfig'.split(' '),
  ...'maxOutputTokens extra_body additionalModelRequestFields'.split(' '),
  ...storedMembers,
  ...limitMembers,
  ...otherModels,
];
const folded = new Set(heeded.map(fold));

/** Reads a request; undefined: its model or a switch that matters cannot be read one way. */
export function modelRequest(body: JsonObject, { api, model: named, streaming: fixed }: ModelPath): ModelRequest | undefined {
  const { model = named, stream } = body;
  if (typeof model !== 'string' || model === '' || model.length > longestName || (named !== undefined && model !== named)) return undefined;
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') return undefined;
  if (fixed !== undefined && stream === true && !fixed) return undefined;
  const bodies = withInnerBodies(body);
  if (bodies.some((each) => isMisspelt(each) || isOther(each['model'], model) || otherModels.some((name) => isOther(each[name], model))))
    return undefined;
  return {
    model,
    streaming: fixed ?? stream === true,
    // OpenAI's completions have a text by that name.
    stored: bodies.some((each) => storedMembers.some((name) => isSaid(each[name]) && !(name === 'prompt' && api === 'completions'))),
    maxTokens: maxTokensOf(bodies),
    answers: answersOf(bodies),
    tools: offeredTools(body),
    links: linksIn(body),
    members: Object.keys(body).slice(0, 200),
  };
}

function isSaid(value: JsonObject[string] | undefined): boolean {
  return value !== undefined && value !== null;
}

/** Servers that read names in any case, or with and without underscores, would heed what is not seen here. */
function isMisspelt(body: JsonObject): boolean {
  return Object.keys(body).some((name) => folded.has(fold(name)) && !heeded.includes(name));
}

/** By way of capitals: some letters have one only. */
function fold(name: string): string {
  return name.replaceAll(/[_-]/g, '').toUpperCase();
}

/** Says another model than the one that is decided on. */
function isOther(value: JsonValue | undefined, model: string): boolean {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).some((each) => isOther(each, model));
  return isSaid(value) && value !== model;
}

/** The largest of all that are said: whichever the server heeds, it is no more. */
function maxTokensOf(bodies: readonly JsonObject[]): number | undefined {
  const numbers = saidIn(bodies, [...limitMembers, 'maxOutputTokens', 'maxTokens']).filter((value) => typeof value === 'number');
  const counts = numbers.filter((value) => Number.isSafeInteger(value) && value >= 0);
  return counts.length === 0 ? undefined : Math.max(...counts);
}

/** So many for each prompt of a list. */
function answersOf(bodies: readonly JsonObject[]): number {
  const counts = saidIn(bodies, ['n', 'best_of', 'candidateCount', 'candidate_count']).map(Number);
  const prompts = bodies.map(({ prompt }) => (Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1));
  return Math.max(1, ...counts.filter((count) => Number.isSafeInteger(count))) * Math.max(1, ...prompts);
}

function saidIn(bodies: readonly JsonObject[], names: readonly string[]): JsonValue[] {
  const places = bodies.flatMap((body) => [body, body['generationConfig'], body['generation_config'], body['inferenceConfig']]);
  const objects = places.filter((each) => typeof each === 'object' && each !== null) as JsonObject[];
  return objects.flatMap((each) => names.flatMap((name) => each[name] ?? []));
}
