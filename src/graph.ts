import type { AuditSink } from './audit/audit.ts';
import { destinationsOf } from './config/destinations.ts';
import type { Config } from './config/schema.ts';
import type { AuthorityClient } from './credentials/authority-client.ts';
import type { Providers } from './credentials/broker.ts';
import { createProvider } from './credentials/registry.ts';
import { createClients } from './egress/client.ts';
import type { GuardedHost } from './egress/connector.ts';
import { createUpstream } from './egress/dispatch.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { Graph } from './pipeline.ts';
import { recordingInputs } from './policy/inputs.ts';
import { createPolicy } from './policy/registry.ts';
import type { McpKnowledge } from './protocol/mcp/knowledge.ts';
import { createClassifier } from './protocol/classifier.ts';
import { createDestinationTable } from './protocol/destinations.ts';

/** What every graph of a process shares. */
export interface GraphParts {
  readonly authority: AuthorityClient | undefined;
  readonly host: GuardedHost;
  readonly via: string;
  readonly fingerprint: Fingerprint;
  readonly audit: AuditSink;
  /** What is remembered of MCP servers. */
  readonly mcp: McpKnowledge;
}

/** Everything that a reload replaces, made whole from one configuration. Throws when any part of it cannot be made. */
export function buildGraph(
  config: Config,
  { authority, host, via, fingerprint, audit, mcp }: GraphParts,
): { graph: Graph; providers: Providers } {
  const destinations = destinationsOf(config);
  const providers: Providers = new Map(
    destinations.flatMap((destination) => {
      const credential = config.destinations[destination.name]?.credential;
      return credential === undefined ? [] : [[destination, createProvider(credential, { authority })] as const];
    }),
  );
  const policy = createPolicy(config.policy, { destinations, intents: config.intents });
  const graph: Graph = {
    destinations: createDestinationTable(destinations),
    classifier: createClassifier(destinations, { mcp }),
    policy: config.audit.inputs ? recordingInputs(policy, fingerprint) : policy,
    upstream: createUpstream({ clients: createClients(host), via, audit }),
  };
  return { graph, providers };
}
