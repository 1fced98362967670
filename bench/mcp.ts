import { writeFileSync } from 'node:fs';
import { hosts } from './scenarios.ts';

const inputSchema = {
  type: 'object',
  properties: {
    q: { type: 'string' },
    limit: { type: 'integer' },
    ratio: { type: 'number' },
    labels: { type: 'array', items: { type: 'string' } },
  },
};

/** An MCP destination with reviewed tools, and a plain one, both led to the answering server. */
export function mcpDestinations(upstream: number, reviewed: string): Readonly<Record<string, object>> {
  const tools = ['search', 'rank'].map((name) => ({ name, digest: 'a'.repeat(43), input_schema: inputSchema }));
  writeFileSync(reviewed, JSON.stringify({ destination: 'mcp', listed_at: '2026-01-01T00:00:00Z', tools }));
  const network = { allow_private: true, connect_to: `127.0.0.1:${upstream}` };
  return {
    post: { hosts: [`http://${hosts.http}:${upstream}`], ...network },
    mcp: { hosts: [`http://${hosts.mcp}:${upstream}`], ...network, protocol: 'mcp', tools: { reviewed } },
  };
}
