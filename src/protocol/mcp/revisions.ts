import type { JsonObject } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { McpHeaders } from './headers.ts';
import type { Era } from './methods.ts';

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
