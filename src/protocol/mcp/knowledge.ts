import type { State } from '../../state.ts';
import { createToolDefinitions, type ToolDefinitions } from './definitions.ts';
import { createMcpMemory, type McpMemory } from './memory.ts';

/** What is known of MCP servers and outlives a reload. */
export interface McpKnowledge {
  readonly memory: McpMemory;
  readonly definitions: ToolDefinitions;
}

export function createMcpKnowledge(state: Pick<State, 'records'>): McpKnowledge {
  return { memory: createMcpMemory(), definitions: createToolDefinitions(state) };
}
