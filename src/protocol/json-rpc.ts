import type { JsonObject, JsonValue } from '../json-value.ts';
import { isObject } from './json.ts';

export type RequestId = string | number;

/** One JSON-RPC message of a client, whichever it is. */
export type ClientMessage =
  | { readonly kind: 'request'; readonly id: RequestId; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'notification'; readonly id?: undefined; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'response'; readonly id: RequestId };

const members = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

/** undefined: it is no single JSON-RPC 2.0 message, or could be read as two kinds. Batches are none. */
export function clientMessage(value: JsonValue | undefined): ClientMessage | undefined {
  if (!isObject(value) || value['jsonrpc'] !== '2.0' || !Object.keys(value).every((name) => members.has(name))) return undefined;
  const { id, method, params = {}, result, error } = value;
  const isId = (typeof id === 'string' && id.length <= 1024) || Number.isSafeInteger(id);
  if (method === undefined) {
    const isResponse = isId && value['params'] === undefined && (result === undefined) !== (error === undefined);
    return isResponse ? { kind: 'response', id: id as RequestId } : undefined;
  }
  if (typeof method !== 'string' || method === '' || !isObject(params) || result !== undefined || error !== undefined) return undefined;
  if (id === undefined) return { kind: 'notification', method, params };
  return isId ? { kind: 'request', id: id as RequestId, method, params } : undefined;
}
