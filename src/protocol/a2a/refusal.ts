import { detailOf, statusOf, type Refusal } from '../../errors.ts';
import type { RequestId } from '../json-rpc.ts';
import type { Telling } from '../message.ts';

/** As an error of JSON-RPC, its code outside of the range that JSON-RPC and A2A keep for themselves. */
export function tellByRpc(refusal: Refusal, { id, callId }: { readonly id: RequestId | null; readonly callId: string }): Telling {
  const status = statusOf(refusal.refused);
  const error = { code: status * 100 + 1, message: messageOf(refusal), data: [infoOf(refusal, callId)] };
  return { status, contentType: 'application/json', body: JSON.stringify({ jsonrpc: '2.0', id, error }) };
}

/** As the HTTP+JSON binding has errors (AIP-193). */
export function tellByHttp(refusal: Refusal, callId: string): Telling {
  const status = statusOf(refusal.refused);
  const error = { code: status, status: names[status] ?? 'UNKNOWN', message: messageOf(refusal), details: [infoOf(refusal, callId)] };
  return { status, contentType: 'application/json', body: JSON.stringify({ error }) };
}

const names: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

function messageOf(refusal: Refusal): string {
  return `Exeat: ${detailOf(refusal)} (${refusal.refused})`;
}

function infoOf({ refused }: Refusal, callId: string): object {
  return { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: refused, domain: 'exeat', metadata: { call: callId } };
}
