import type { Template } from './template.ts';

/** A remote MCP server as a route. */
export function mcp(): Template {
  return {
    name: 'mcp',
    summary: 'a remote MCP server over Streamable HTTP',
    needsAuthority: true,
    intent: `\
  use-tools:
    description: Use the tools of the MCP server
    destinations: [tools]
    budget: { calls: 500 }
`,
    destination: `\
  # Give the MCP client the URL http://127.0.0.1:7070/tools and the header "Exeat-Task: <id>.<secret>".
  tools:
    route: /tools
    url: https://mcp.example.com/mcp
    protocol: mcp
    # "exeat tools pin tools" writes this file for review: then no other tool passes, and policy sees arguments.
    # tools: { reviewed: config/tools/tools.json }
    credential: { kind: token-exchange, audience: https://mcp.example.com, scope: tools:use }
`,
    policy: `\
// What the "use-tools" intent may do: look at what there is, read, and call the tools that are named here.

@id("tools-conversation")
permit (
  principal,
  action in Action::"read",
  resource in Destination::"tools"
)
when { context.task.intent == Intent::"use-tools" };

@id("tools-calls")
permit (
  principal,
  action == Action::"call_tool",
  resource in Destination::"tools"
)
when {
  context.task.intent == Intent::"use-tools" &&
  ["search", "fetch"].contains(context.mcp.tool)
};
`,
  };
}
