import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { McpHeaders } from './headers.ts';
import type { Era } from './methods.ts';

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

const modern = '2026-07-28';
const legacy: readonly string[] = ['2025-03-26', '2025-06-18', '2025-11-25'];
export const revisions = [...legacy, modern] as const;

/** The era of a request, as its header and its body agree; undefined: they do not, or the destination speaks another revision. */
export function eraOf(
  { version: stated }: Pick<McpHeaders, 'version'>,
  { params, pinned }: { readonly params: JsonObject | undefined; readonly pinned: string | undefined },
): Era | undefined {
  const meta = params?.['_meta'];
  const said = isObject(meta) ? meta['io.modelcontextprotocol/protocolVersion'] : undefined;
  if (stated === modern || said === modern) {
    const agree = stated === modern && (said === modern || params === undefined || said === undefined);
    return agree && (pinned ?? modern) === modern ? 'modern' : undefined;
  }
  if (said !== undefined || (stated !== undefined && !legacy.includes(stated)) || pinned === modern) return undefined;
  return stated === undefined || pinned === undefined || stated === pinned ? 'legacy' : undefined;
}

/** In the modern era each request says its revision in the body too. */
export function saysRevision({ params }: { readonly params: JsonObject }): boolean {
  const meta = params['_meta'];
  return isObject(meta) && meta['io.modelcontextprotocol/protocolVersion'] === modern;
}
