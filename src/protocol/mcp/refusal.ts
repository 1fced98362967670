import { detailOf, statusOf, type ErrorCode, type Refusal } from '../../errors.ts';
import type { Telling } from '../message.ts';
import type { Era } from './methods.ts';

/** What a model can act upon: it may choose another tool, other arguments, or wait. */
const forTheModel: ReadonlySet<ErrorCode> = new Set([
  'policy_denied',
  'policy_error',
  'approval_required',
  'approval_denied',
  'arguments_refused',
  'tool_unknown',
  'tool_changed',
  'answer_unknown',
  'budget_spent',
  'body_too_large',
]);

/** A refused request in the words of MCP; undefined: by HTTP, where not the message but the way to the server is at fault, and for what has no answer. */
export function tellRefusal(
  refusal: Refusal,
  {
    era,
    method,
    id,
    callId,
  }: { readonly era: Era; readonly method: string; readonly id: string | number | undefined; readonly callId: string },
): Telling | undefined {
  const { refused } = refusal;
  if (id === undefined || !forTheModel.has(refused)) return undefined;
  const text = `Exeat: ${detailOf(refusal)} (${refused})`;
  const meta = { 'exeat/refusal': { code: refused, call: callId } };
  const result = {
    ...(era === 'modern' ? { resultType: 'complete' } : {}),
    isError: true,
    content: [{ type: 'text', text }],
    _meta: meta,
  };
  // Outside of the range that JSON-RPC and MCP keep for themselves.
  const error = { code: statusOf(refused) * 100 + 1, message: text, data: meta };
  const body = { jsonrpc: '2.0', id, ...(method === 'tools/call' ? { result } : { error }) };
  return { status: 200, contentType: 'application/json', body: JSON.stringify(body) };
}
