import type { JsonObject } from '../../json-value.ts';
import type { ModelPath } from './api.ts';
import { linksIn, offeredTools, type OfferedTools } from './provider-tools.ts';

/** What one request asks a model for. */
export interface ModelRequest {
  readonly model: string;
  readonly streaming: boolean;
  readonly stored: boolean;
  readonly maxTokens: number | undefined;
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
];
const limitMembers = ['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'max_tokens_to_sample'];

/** Reads a request; undefined: its model or a switch that matters cannot be read one way. */
export function modelRequest(body: JsonObject, { api, model: named, streaming: fixed }: ModelPath): ModelRequest | undefined {
  const { model = named, stream } = body;
  if (typeof model !== 'string' || model === '' || model.length > longestName || (named !== undefined && model !== named)) return undefined;
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') return undefined;
  if (fixed !== undefined && stream === true && !fixed) return undefined;
  return {
    model,
    streaming: fixed ?? stream === true,
    // OpenAI's completions have a text by that name.
    stored: storedMembers.some((name) => isSaid(body[name]) && !(name === 'prompt' && api === 'completions')),
    maxTokens: maxTokensOf(body),
    tools: offeredTools(body),
    links: linksIn(body),
    members: Object.keys(body).slice(0, 200),
  };
}

function isSaid(value: JsonObject[string] | undefined): boolean {
  return value !== undefined && value !== null;
}

/** The largest of all that are said: whichever the server heeds, it is no more. */
function maxTokensOf(body: JsonObject): number | undefined {
  const inner = [body['generationConfig'], body['inferenceConfig']].filter(
    (each) => typeof each === 'object' && each !== null,
  ) as JsonObject[];
  const said = [body, ...inner].flatMap((each) => [...limitMembers, 'maxOutputTokens', 'maxTokens'].map((name) => each[name]));
  const numbers = said.filter((value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) as number[];
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}
