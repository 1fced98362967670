import type { IncomingMessage } from 'node:http';
import type { InboundCall, Requested } from '../call.ts';
import type { Refusal } from '../errors.ts';
import { fieldName } from '../fields.ts';
import { newCallId } from '../ids.ts';
import type { Inside } from './inside.ts';
import { routeCredentialFields, type RequestContext } from './request.ts';

/**
 * A request that could be read in two ways, as a call that is only there to be refused: its event names the task where the field that carries one
 * stands once and the request line leaves no doubt of the door. Nothing else of it is read, and nothing of it is ever forwarded.
 */
export function objectedCall(
  request: Pick<IncomingMessage, 'url' | 'method' | 'rawHeaders' | 'socket'>,
  objection: Refusal,
  { context, inside }: { readonly context: RequestContext; readonly inside: Inside | undefined },
): InboundCall {
  const plain = plainPartOf(request.url ?? '');
  const requested: Requested =
    inside === undefined ? plain : { door: 'tunnel', ...inside.end, path: plain.path, query: '', encodedReserved: false };
  const { door } = plain;
  return {
    id: newCallId(),
    caller: inside?.caller ?? {
      door,
      presented: presentedOnce(request.rawHeaders, door === 'forward' ? ['proxy-authorization'] : routeCredentialFields),
      remoteAddress: request.socket.remoteAddress ?? '',
      foreignPage: request.rawHeaders.some((text, i) => i % 2 === 0 && /^(?:origin|sec-fetch-site)$/i.test(text)),
      bound: context.bound?.(request.socket),
    },
    method: request.method ?? '',
    requested,
    headers: [],
    nominated: undefined,
    body: undefined,
    bodyLength: undefined,
    expectsContinue: false,
    acceptsTrailers: false,
    objection,
    closes: true,
    receivedAt: Date.now(),
  };
}

/** What may be written down of the target: a host and a path that look like nothing else, no user-info, no query. */
function plainPartOf(url: string): Requested {
  const [, host = '', path = ''] =
    /^(?:https?:\/\/([\w.-]+(?::\d{1,5})?|\[[\da-f:]+\](?::\d{1,5})?)(?=[/?#]|$))?(\/[^?#]*)?/i.exec(url) ?? [];
  const rest = { path, query: '', encodedReserved: false };
  return url.startsWith('/') ? { door: 'route', ...rest } : { door: 'forward', scheme: 'http', host: host.toLowerCase(), port: 0, ...rest };
}

/** The value of the first of these fields that is there at all, if it is there once and by its own name. */
function presentedOnce(raw: readonly string[], fields: readonly string[]): string | undefined {
  const names = raw.map((text, i) => (i % 2 === 0 ? fieldName(text) : undefined));
  const field = fields.find((each) => names.some((name) => name?.lower === each));
  if (field === undefined) return undefined;
  const found = names.flatMap((name, i) => (name?.lower === field ? [{ name, value: raw[i + 1] }] : []));
  const [only, second] = found;
  return second === undefined && only?.name?.twin === false ? only.value : undefined;
}
