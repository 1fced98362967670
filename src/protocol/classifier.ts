import type { Destination } from '../destination.ts';
import { createA2aClassifier } from './a2a/classifier.ts';
import { createDestinationTable } from './destinations.ts';
import { withGrpc } from './grpc.ts';
import { createHttpClassifier } from './http.ts';
import { createLlmClassifier } from './llm/classifier.ts';
import { createMcpClassifier } from './mcp/classifier.ts';
import type { McpKnowledge } from './mcp/knowledge.ts';
import type { Reach } from './reached.ts';
import type { Classifier } from './operation.ts';

/** Names operations by the protocol that is pinned to the destination; nothing is ever sniffed. */
export function createClassifier(destinations: readonly Destination[], parts: { readonly mcp: McpKnowledge }): Classifier {
  const http = createHttpClassifier(destinations);
  const table = createDestinationTable(destinations);
  const resolve: Reach['resolve'] = (requested) => table.resolve(requested);
  const byProtocol: Readonly<Record<Destination['protocol'], Classifier>> = {
    http,
    tunnel: http,
    grpc: withGrpc(http),
    mcp: createMcpClassifier(parts.mcp),
    llm: createLlmClassifier({ http, resolve }),
    a2a: createA2aClassifier(resolve),
  };
  return {
    classify: (head, source) => byProtocol[head.target.destination.protocol].classify(head, source),
    refusal: (target, refusal, callId) => byProtocol[target.destination.protocol].refusal?.(target, refusal, callId),
  };
}
