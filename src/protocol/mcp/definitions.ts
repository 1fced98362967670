import { createHash } from 'node:crypto';
import type { Destination } from '../../destination.ts';
import { canonicalJson, type JsonObject } from '../../json-value.ts';
import type { Records, State } from '../../state.ts';

/** What is known of the definitions of tools: their digests at first sight, and which have changed since. Outlives the process. */
export interface ToolDefinitions {
  /** Compares a definition that was listed with the reviewed one, else with the first that was seen, which it may be itself. */
  seen(destination: Destination, tool: string, digest: string): 'as known' | 'first seen' | 'changed' | 'changed before';
  /** It has been seen changed, and that bars its use. */
  barred(destination: Destination, tool: string): boolean;
}

interface Known {
  readonly digest: string;
  /** The last other one that was seen. */
  readonly changedTo?: string;
}

const mostOfOne = 20_000;

export function createToolDefinitions(state: Pick<State, 'records'>): ToolDefinitions {
  const records: Records<Known> = state.records('mcp_tools');
  const known = new Map(records.all().map(({ id, value }) => [id, value]));
  const write = (key: string, value: Known): void => {
    known.set(key, value);
    records.put(key, value);
  };
  return {
    seen(destination, tool, digest) {
      const key = keyOf(destination, tool);
      const before = known.get(key);
      const expected = destination.tools?.get(tool)?.digest ?? before?.digest;
      if (expected === undefined) {
        if (known.size < mostOfOne) write(key, { digest });
        return 'first seen';
      }
      if (digest === expected) {
        if (before?.digest !== digest || before.changedTo !== undefined) write(key, { digest });
        return 'as known';
      }
      if (before?.changedTo === digest) return 'changed before';
      write(key, { digest: expected, changedTo: digest });
      return 'changed';
    },
    barred: (destination, tool) => destination.refusesChangedTools === true && known.get(keyOf(destination, tool))?.changedTo !== undefined,
  };
}

/** SHA-256 over the canonical definition, all of it, base64url. */
export function definitionDigest(definition: JsonObject): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('base64url');
}

function keyOf({ name }: Destination, tool: string): string {
  return `${name} ${tool}`;
}
