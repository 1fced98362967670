import type { IncomingMessage } from 'node:http';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { z } from '../settings.ts';

const largestBody = 64 * 1024;
const largestRead = 1024 * 1024;

/** A body that is as the route wants it, or everything that is wrong with it. Without a schema there must be none, or `{}`. */
export async function readInput(request: IncomingMessage, schema: z.ZodType | undefined): Promise<{ readonly input: unknown } | Refusal> {
  const text = await textOf(request);
  if (typeof text !== 'string') return text;
  if (schema === undefined) {
    return text === '' || text.trim() === '{}' ? { input: undefined } : refuse('invalid_input', { detail: 'This call takes no body.' });
  }
  if (!/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return refuse('invalid_input', { detail: 'Send the body as application/json.' });
  }
  const value = jsonOf(text);
  if (isRefusal(value)) return value;
  const parsed = schema.safeParse(value.json);
  if (parsed.success) return { input: parsed.data };
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return refuse('invalid_input', { detail: parsed.error.issues.map((issue) => problemText(issue, known)).join(' ') });
}

/** What is too large is read on for a while and thrown away: a client that is cut while it writes never sees the answer. */
async function textOf(request: IncomingMessage): Promise<string | Refusal> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > largestRead) break;
      if (length <= largestBody) chunks.push(chunk);
    }
  } catch {
    return refuse('client_gone');
  }
  if (length > largestBody) return refuse('body_too_large', { detail: 'A request to the control API has at most 64 KiB.' });
  return Buffer.concat(chunks).toString();
}

function jsonOf(text: string): { readonly json: unknown } | Refusal {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return refuse('invalid_input', { detail: 'The body is not JSON.' });
  }
}

/** In our own words and with our own names: the key that was sent is not repeated unless it is one of ours or a slip of one. */
function problemText(issue: z.core.$ZodIssue, known: readonly string[]): string {
  const path = issue.path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('');
  const where = path === '' ? 'The body' : `"${path}"`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${where} has an unknown key${path === '' ? didYouMean(key, known) : ''}.`.replace('?.', '?')).join(' ');
  }
  if (issue.code === 'invalid_type' && issue.expected !== 'never') return `${where} must be of type ${issue.expected}.`;
  return `${where}: ${issue.message}.`;
}
