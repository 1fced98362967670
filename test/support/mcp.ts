import { call, type Answered } from './call.ts';
import { startMcpServer, type McpAnswer, type McpServer } from './mcp-server.ts';
import { loopback, startTestSidecar, type TestSidecar } from './sidecar.ts';

/** What the tests' task may do unless they say otherwise. */
export const mcpPolicy = `
  @id("talk") permit (principal, action in [Action::"initialize", Action::"list_tools", Action::"list_prompts", Action::"list_resources"], resource);
  @id("search") permit (principal, action == Action::"call_tool", resource) when { context.mcp.tool == "search" };
  @id("docs") permit (principal, action == Action::"read_resource", resource) when { context.mcp.uri like "doc://*" };
  @id("answers") permit (principal, action == Action::"answer", resource);`;

export interface McpBench extends AsyncDisposable {
  readonly server: McpServer;
  readonly exeat: TestSidecar;
  readonly authorization: string;
  /** Posts a text, or a JSON-RPC request made of these words. */
  post(message: string | object, fields?: readonly string[], authorization?: string): Promise<Answered>;
  /** Any request, through the proxy. */
  send(method: string, path?: string, fields?: readonly string[], body?: string): Promise<Answered>;
}

const json = ['Content-Type: application/json', 'Accept: application/json, text/event-stream'];
export const modern = '2026-07-28';

/** A sidecar before a small MCP server, and a task. */
export async function startMcpBench(
  answer: (method: string, params: Record<string, unknown>) => McpAnswer,
  more: { readonly destination?: object; readonly policy?: string } = {},
): Promise<McpBench> {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await startMcpServer(answer));
  const destinations = { kb: loopback(server, { protocol: 'mcp', ...more.destination }) };
  const exeat = opened.use(await startTestSidecar({ destinations, policy: more.policy ?? mcpPolicy }));
  const { authorization } = exeat.open();
  const all = opened.move();
  return {
    server,
    exeat,
    authorization,
    post(message, fields = [], as = authorization) {
      const body = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', id: 1, ...message });
      return call(`${server.url}/mcp`, { proxy: exeat.proxy, authorization: as, method: 'POST', fields: [...json, ...fields], body });
    },
    send: (method, path = '/mcp', fields = [], body = '') =>
      call(`${server.url}${path}`, { proxy: exeat.proxy, authorization, method, fields, body }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A request of the modern era with its mirrored fields. */
export function modernCall(method: string, params: Record<string, unknown>, name?: string): [object, string[]] {
  const message = { method, params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': modern } } };
  return [message, [`MCP-Protocol-Version: ${modern}`, `Mcp-Method: ${method}`, ...(name === undefined ? [] : [`Mcp-Name: ${name}`])]];
}

export function parsed(answer: Answered): Record<string, never> & { result?: Record<string, unknown>; error?: Record<string, unknown> } {
  const data = /^data: (.*)$/m.exec(answer.body)?.[1] ?? answer.body.replace(/^[\da-f]+\r\n/i, '').replace(/\r\n[\s\S]*$/, '');
  return JSON.parse(data) as never;
}
