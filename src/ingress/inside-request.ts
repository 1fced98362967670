import type { InboundCall } from '../call.ts';
import { isRefusal, refuse, type Refusal } from '../errors.ts';
import { isForeignPage } from './foreign-page.ts';
import type { Inside } from './inside.ts';
import type { HeadFacts, RequestContext, RequestHead } from './request.ts';
import { parseInnerTarget } from './target.ts';

/** The caller is the one of the CONNECT; the host and port must be its too (RFC 9110 §7.4). */
export function readInside(
  request: RequestHead,
  facts: HeadFacts,
  { inside, context }: { inside: Inside; context: RequestContext },
): Pick<InboundCall, 'caller' | 'requested' | 'objection'> | Refusal {
  if (facts.presentedForward !== undefined || facts.presentedRoute?.startsWith('exeat-task ') === true)
    return malformed('the task stands in the CONNECT; inside the tunnel there is no Proxy-Authorization and no Exeat-Task');
  const target = parseInnerTarget(targetOf(request, facts), facts.host, inside.end);
  if (isRefusal(target)) return target;
  const foreignPage = isForeignPage(facts, 'tunnel', context);
  return {
    caller:
      context.bound === undefined && !foreignPage
        ? inside.caller
        : { ...inside.caller, foreignPage, bound: context.bound?.(inside.socket) },
    requested: target.requested,
    objection: inside.objection ?? (target.misdirected ? refuse('misdirected') : undefined),
  };
}

/** Some clients write the target of a handshake with the scheme that their user sees. */
export function targetOf({ url = '' }: RequestHead, { websocket }: HeadFacts): string {
  return websocket ? url.replace(/^ws(?=s?:\/\/)/i, 'http') : url;
}

function malformed(why: string): Refusal {
  return refuse('malformed_request', { detail: `The request could not be read one way only: ${why}.` });
}
