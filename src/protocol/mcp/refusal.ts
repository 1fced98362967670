import { detailOf, statusOf, type ErrorCode, type Refusal } from '../../errors.ts';
import type { RequestId } from '../json-rpc.ts';
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
  'budget_spent',
  'body_too_large',
]);

interface ProtocolError {
  readonly code: number;
  /** Of HTTP, by era. */
  readonly modern: number;
  readonly legacy: number;
}

/** What MCP itself has an error for: the client is at fault, and no model has a say in it. */
const protocolErrors: Readonly<Partial<Record<ErrorCode, ProtocolError>>> = {
  protocol_refused: { code: -32601, modern: 404, legacy: 200 },
  answer_unknown: { code: -32602, modern: 200, legacy: 200 },
  message_unreadable: { code: -32602, modern: 400, legacy: 400 },
  headers_disagree: { code: -32020, modern: 400, legacy: 400 },
  version_unsupported: { code: -32022, modern: 400, legacy: 400 },
};

export interface RefusedRequest {
  readonly era: Era;
  readonly method: string;
  readonly id: RequestId | undefined;
  /** Where another revision is to be chosen: which there are. */
  readonly revisions: object | undefined;
}

/** A refused request in the words of MCP; undefined: by HTTP, where not the message but the way to the server is at fault, and for what has no answer. */
export function tellRefusal(refusal: Refusal, { era, method, id, revisions }: RefusedRequest, callId: string): Telling | undefined {
  const { refused } = refusal;
  if (id === undefined || (refused === 'version_unsupported' && revisions === undefined)) return undefined;
  const text = `Exeat: ${detailOf(refusal)} (${refused})`;
  const meta = { 'exeat/refusal': { code: refused, call: callId } };
  const known = protocolErrors[refused];
  if (known !== undefined) return telling(known[era], { id, error: { code: known.code, message: text, data: { ...revisions, ...meta } } });
  if (!forTheModel.has(refused)) return undefined;
  const resultType = era === 'modern' ? { resultType: 'complete' } : {};
  if (method === 'tools/call')
    return telling(200, { id, result: { ...resultType, isError: true, content: [{ type: 'text', text }], _meta: meta } });
  // Outside of the range that JSON-RPC and MCP keep for themselves.
  return telling(200, { id, error: { code: statusOf(refused) * 100 + 1, message: text, data: meta } });
}

function telling(status: number, message: object): Telling {
  return { status, contentType: 'application/json', body: JSON.stringify({ jsonrpc: '2.0', ...message }) };
}
