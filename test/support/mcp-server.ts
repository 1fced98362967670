import { startOrigin, type Origin } from './origin.ts';

/** What a server answers to a method: the result, or several JSON-RPC messages as events of which the last is the answer. */
export type McpAnswer = object | { readonly events: readonly object[] };

export interface McpServer extends Origin {
  /** The messages it was sent, parsed. */
  readonly messages: Record<string, unknown>[];
}

/** A small MCP server on loopback (Streamable HTTP), with sessions where it is asked to initialize. */
export async function startMcpServer(answer: (method: string, params: Record<string, unknown>) => McpAnswer): Promise<McpServer> {
  const messages: Record<string, unknown>[] = [];
  const origin = await startOrigin((request, response, seen) => {
    void seen.body;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        return response.write('data: {"jsonrpc":"2.0","id":"s1","method":"elicitation/create","params":{}}\n\n');
      }
      if (request.method === 'DELETE') return response.writeHead(200).end();
      const message = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      messages.push(message);
      const { id, method, params = {} } = message;
      if (typeof method !== 'string' || id === undefined) return response.writeHead(202).end();
      const found = answer(method, params as Record<string, unknown>);
      const session = method === 'initialize' ? { 'mcp-session-id': 'session-1' } : {};
      if ('events' in found) {
        response.writeHead(200, { 'content-type': 'text/event-stream', ...session });
        for (const event of found.events) response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...event })}\n\n`);
        return response.end();
      }
      response.writeHead(200, { 'content-type': 'application/json', ...session });
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, result: found }));
    });
  });
  return { ...origin, messages, [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose]() };
}

/** A tool's definition. */
export function toolNamed(name: string, more: object = {}): object {
  return { name, description: `Does ${name}`, inputSchema: { type: 'object', properties: { q: { type: 'string' } } }, ...more };
}
