import { refuse, type Refusal } from '../../errors.ts';
import type { JsonObject, JsonValue } from '../../json-value.ts';
import { isObject } from '../json.ts';
import type { McpHeaders } from './headers.ts';
import type { Era } from './methods.ts';

const modern = '2026-07-28';
const legacy: readonly string[] = ['2025-03-26', '2025-06-18', '2025-11-25'];
export const revisions = [...legacy, modern] as const;

/** The era of a request, as its header and its body agree; a refusal where they do not, or the destination speaks another revision. */
export function eraOf(
  { version: stated }: Pick<McpHeaders, 'version'>,
  { params, pinned }: { readonly params: JsonObject | undefined; readonly pinned: string | undefined },
): Era | Refusal {
  const said = revisionIn(params);
  if (said !== undefined && said !== stated) return refuse('headers_disagree');
  if (stated === modern) return (pinned ?? modern) === modern ? 'modern' : refuse('version_unsupported');
  if (said !== undefined || (stated !== undefined && !legacy.includes(stated)) || pinned === modern) return refuse('version_unsupported');
  return stated === undefined || pinned === undefined || stated === pinned ? 'legacy' : refuse('version_unsupported');
}

/** In the modern era each request says its revision in the body too. */
export function revisionIn(params: JsonObject | undefined): JsonValue | undefined {
  const meta = params?.['_meta'];
  return isObject(meta) ? meta['io.modelcontextprotocol/protocolVersion'] : undefined;
}

/** Where the client is to choose another revision: those there are of the modern era. undefined: it is to find out by itself that there are none. */
export function othersThan(requested: JsonValue | undefined, pinned: string | undefined): object | undefined {
  if (typeof requested !== 'string' || !/^[\w.-]{1,32}$/.test(requested) || (pinned ?? modern) !== modern) return undefined;
  return { supported: [modern], requested };
}
