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
import { openPolicy, type OpenPolicy } from './open-policy.ts';
import type { Graph } from './pipeline.ts';
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
  readonly stateFolder: string;
  readonly warn: (message: string) => void;
  /** What is remembered of MCP servers. */
  readonly mcp: McpKnowledge;
}

export interface BuiltGraph {
  readonly graph: Graph;
  readonly providers: Providers;
  /** Where the graph's policy comes from. */
  readonly policies: OpenPolicy;
}

/** Everything that a reload replaces, made whole from one configuration. Throws when any part of it cannot be made. */
export async function buildGraph(config: Config, parts: GraphParts): Promise<BuiltGraph> {
  const { authority, host, via, fingerprint, audit, mcp } = parts;
  const destinations = destinationsOf(config);
  const providers: Providers = new Map(
    destinations.flatMap((destination) => {
      const credential = config.destinations[destination.name]?.credential;
      return credential === undefined ? [] : [[destination, createProvider(credential, { authority })] as const];
    }),
  );
  const rest = {
    destinations: createDestinationTable(destinations),
    classifier: createClassifier(destinations, { mcp }),
    upstream: createUpstream({ clients: createClients(host), via, audit }),
  };
  // Last: nothing that fails may leave its connections open.
  const policies = await openPolicy(config, { ...parts, destinations, record: config.audit.inputs ? fingerprint : undefined });
  return { graph: { ...rest, policy: policies.policy }, providers, policies };
}
