import type { AccessRequest, Decision, Explanation } from './policy.ts';

interface Decides {
  decide(request: AccessRequest): Decision;
  explain(request: AccessRequest): Explanation;
}

/**
 * A WebSocket handshake needs a permit of its own, and what forbids the GET that it is forbids it too: a destination that knows no WebSocket there
 * answers the GET.
 */
export function heedingGet<P extends Decides>(pdp: P): P {
  return {
    ...pdp,
    decide(request) {
      if (request.operation.group !== 'websocket') return pdp.decide(request);
      const plain = pdp.decide(asGet(request));
      return forbids(plain) ? plain : pdp.decide(request);
    },
    explain(request) {
      if (request.operation.group !== 'websocket') return pdp.explain(request);
      const plain = pdp.explain(asGet(request));
      return forbids(plain.decision) ? plain : pdp.explain(request);
    },
  };
}

function asGet(request: AccessRequest): AccessRequest {
  return { ...request, operation: { ...request.operation, group: 'read' } };
}

/** No mere want of a permit: then no policy would have determined it. */
function forbids({ allow, policies, error }: Decision): boolean {
  return !allow && (error !== undefined || policies.length > 0);
}
