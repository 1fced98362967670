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
    # This version sees an MCP server as HTTP: policy decides on methods and paths, not on tools.
    protocol: http
    operations:
      - /mcp
    credential: { kind: token-exchange, audience: https://mcp.example.com, scope: tools:use }
`,
    policy: `\
// What the "use-tools" intent may do: one session at one endpoint. POST carries every message, GET opens the stream, DELETE ends the session.

@id("tools-session")
permit (
  principal,
  action in [Action::"POST", Action::"GET", Action::"DELETE"],
  resource == Endpoint::"tools /mcp"
)
when { context.task.intent == Intent::"use-tools" };
`,
  };
}
