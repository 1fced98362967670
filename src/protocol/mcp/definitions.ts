import { createHash } from 'node:crypto';
import type { Destination } from '../../destination.ts';
import { canonicalJson, type JsonObject } from '../../json-value.ts';
import type { Records, State } from '../../state.ts';

/** What is known of the definitions of tools: their digests at first sight, and which have changed since. Outlives the process. */
export interface ToolDefinitions {
  /** Compares a definition that was listed with the reviewed one, else with the first that was seen, which it may be itself. */
  seen(destination: Destination, tool: string, digest: string): 'as known' | 'first seen' | 'changed' | 'changed before';
  /** After a list: what it has changed is written down. */
  save(destination: Destination): void;
  /** It has been seen changed, and that bars its use. */
  barred(destination: Destination, tool: string): boolean;
}

/** Digests of one tool: the first that was seen, and the last other one. */
type Known = readonly [digest: string, changedTo?: string];

interface Server {
  readonly tools: Map<string, Known>;
  changed: boolean;
}

const mostOfOne = 20_000;

export function createToolDefinitions(state: Pick<State, 'records'>): ToolDefinitions {
  const records: Records<Readonly<Record<string, Known>>> = state.records('mcp_tools');
  const servers = new Map<string, Server>(
    records.all().map(({ id, value }) => [id, { tools: new Map(Object.entries(value)), changed: false }]),
  );

  function serverOf({ name }: Destination): Server {
    const server = servers.get(name) ?? { tools: new Map<string, Known>(), changed: false };
    servers.set(name, server);
    return server;
  }

  function note(server: Server, tool: string, known: Known): void {
    server.tools.set(tool, known);
    server.changed = true;
  }

  return {
    seen(destination, tool, digest) {
      const server = serverOf(destination);
      const before = server.tools.get(tool);
      const expected = destination.tools?.get(tool)?.digest ?? before?.[0];
      if (expected === undefined) {
        if (server.tools.size < mostOfOne) note(server, tool, [digest]);
        return 'first seen';
      }
      if (digest === expected) {
        if (before?.[0] !== digest || before[1] !== undefined) note(server, tool, [digest]);
        return 'as known';
      }
      if (before?.[1] === digest) return 'changed before';
      note(server, tool, [expected, digest]);
      return 'changed';
    },
    save(destination) {
      const server = serverOf(destination);
      if (!server.changed) return;
      server.changed = false;
      records.put(destination.name, Object.fromEntries(server.tools));
    },
    barred({ name, refusesChangedTools, tools }, tool) {
      const changedTo = servers.get(name)?.tools.get(tool)?.[1];
      // A review of what it was changed to lets it be used at once.
      return refusesChangedTools === true && changedTo !== undefined && changedTo !== tools?.get(tool)?.digest;
    },
  };
}

/** SHA-256 over the canonical definition, all of it, base64url. */
export function definitionDigest(definition: JsonObject): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('base64url');
}
